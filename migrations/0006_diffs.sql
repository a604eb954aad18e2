-- Diffs that stand in the place of others.

-- The diff that was made of this one by a rebase; this one is rejected then.
ALTER TABLE diffs ADD COLUMN superseded_by TEXT;

-- What waits for a person or a commit is looked up whenever a branch moves.
CREATE INDEX diffs_pending ON diffs (project_id) WHERE status IN ('evaluator_approved', 'human_approved');
