-- Small tables that change a few rows at a time keep their rows in the catalogue, so that a commit makes no tiny file.
-- Never a partitioned table: writing its inlined rows out to files loses deletions (ducklake issues 1266 and 1364).
CALL ducklake_set_option('kobosift', 'data_inlining_row_limit', '0')
;
CALL ducklake_set_option('kobosift', 'data_inlining_row_limit', '1000', schema => 'main', table_name => 'accounts')
;
CALL ducklake_set_option('kobosift', 'data_inlining_row_limit', '1000', schema => 'main', table_name => 'touched_days')
;
CALL ducklake_set_option('kobosift', 'data_inlining_row_limit', '1000', schema => 'main', table_name => 'decided_days')
;
CALL ducklake_set_option('kobosift', 'data_inlining_row_limit', '1000', schema => 'main', table_name => 'list_entries')
;
CALL ducklake_set_option('kobosift', 'data_inlining_row_limit', '1000', schema => 'main', table_name => 'policies')
;
CALL ducklake_set_option('kobosift', 'data_inlining_row_limit', '1000', schema => 'main', table_name => 'erasures')
;
