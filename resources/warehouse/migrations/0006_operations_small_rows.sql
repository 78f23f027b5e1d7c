-- Small tables keep their rows in the catalogue, as those of 0003 do: options are set on tables that are there.
CALL ducklake_set_option('kobosift', 'data_inlining_row_limit', '1000', schema => 'main', table_name => 'webhook_events')
;
CALL ducklake_set_option('kobosift', 'data_inlining_row_limit', '1000', schema => 'main', table_name => 'balances')
;
CALL ducklake_set_option('kobosift', 'data_inlining_row_limit', '1000', schema => 'main', table_name => 'identities')
;
CALL ducklake_set_option('kobosift', 'data_inlining_row_limit', '1000', schema => 'main', table_name => 'income_records')
;
CALL ducklake_set_option('kobosift', 'data_inlining_row_limit', '1000', schema => 'main', table_name => 'income_streams')
;
CALL ducklake_set_option('kobosift', 'data_inlining_row_limit', '1000', schema => 'main', table_name => 'history_windows')
;
CALL ducklake_set_option('kobosift', 'data_inlining_row_limit', '1000', schema => 'main', table_name => 'alerts')
;
