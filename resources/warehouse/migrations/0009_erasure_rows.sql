-- As in 0003: a row at a time stays in the catalogue.
CALL ducklake_set_option('kobosift', 'data_inlining_row_limit', '1000', schema => 'main', table_name => 'erased_days')
;
