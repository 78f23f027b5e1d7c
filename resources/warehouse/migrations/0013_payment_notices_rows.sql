-- As in 0003: a few rows at a time stay in the catalogue.
CALL ducklake_set_option('kobosift', 'data_inlining_row_limit', '1000', schema => 'main', table_name => 'payment_notices')
;
