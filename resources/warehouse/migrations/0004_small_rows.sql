-- Tables of a few rows keep them in the catalogue (0003); a table must have been made before it is set so.
CALL ducklake_set_option('kobosift', 'data_inlining_row_limit', '1000', schema => 'main', table_name => 'touched_tenants')
;
CALL ducklake_set_option('kobosift', 'data_inlining_row_limit', '1000', schema => 'main', table_name => 'settled_tenants')
