-- Tests that run in the sandbox, and what came of them.

-- A program that is run instead of Python code; the code is empty then.
ALTER TABLE test_cases ADD COLUMN command TEXT;

-- The diff whose proposal was tested; NULL for the branch's head.
ALTER TABLE test_results ADD COLUMN diff_id TEXT REFERENCES diffs ON DELETE CASCADE;
-- The git tree that was tested.
ALTER TABLE test_results ADD COLUMN tree TEXT;
ALTER TABLE test_results ADD COLUMN exit_code INTEGER;
ALTER TABLE test_results ADD COLUMN signal INTEGER;
-- Which limit it ran into: wall, cpu, memory, output, processes, files, signal.
ALTER TABLE test_results ADD COLUMN limit_hit TEXT;
ALTER TABLE test_results ADD COLUMN cpu_time_ms INTEGER;
ALTER TABLE test_results ADD COLUMN max_rss_bytes INTEGER;
ALTER TABLE test_results ADD COLUMN output_truncated INTEGER NOT NULL DEFAULT 0;
ALTER TABLE test_results ADD COLUMN trace_id TEXT;
-- JSON array of what the sandbox had to do without.
ALTER TABLE test_results ADD COLUMN missing_features TEXT NOT NULL DEFAULT '[]';

CREATE INDEX test_results_by_diff ON test_results (diff_id);
