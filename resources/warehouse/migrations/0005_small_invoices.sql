-- Invoices come in by the file and by the single one: a few rows stay in the catalogue, so that no tiny files are made.
CALL ducklake_set_option('kobosift', 'data_inlining_row_limit', '1000', schema => 'main', table_name => 'invoices')
;
