-- As in 0003: a few rows at a time stay in the catalogue, in tables that are not partitioned.
CALL ducklake_set_option('kobosift', 'data_inlining_row_limit', '1000', schema => 'main', table_name => 'former_list_entries')
;
