-- Where a project came from, and where it is pushed to.

-- The address that it was cloned from, or of its repository on GitHub.
ALTER TABLE projects ADD COLUMN remote_url TEXT;
-- OWNER/NAME of the repository on GitHub that the project is pushed to.
ALTER TABLE projects ADD COLUMN github_repository TEXT;
-- The last commit that was pushed there.
ALTER TABLE projects ADD COLUMN pushed_commit TEXT;
