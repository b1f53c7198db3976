-- Jobs that another process finishes (docs/adr/0044-jobs-that-go-on.md). What such a job was asked for
-- is kept until it ends, and no longer; of any other job nothing is, as before.

ALTER TABLE jobs ADD COLUMN is_resumable INTEGER NOT NULL DEFAULT 0 CHECK (is_resumable IN (0, 1));
-- Begins that were counted: a process that ends in good order gives its own back.
ALTER TABLE jobs ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0);
-- Grows with every begin; whoever writes for the job under an older one is refused.
ALTER TABLE jobs ADD COLUMN lease INTEGER NOT NULL DEFAULT 0;
-- Nothing stops it any more: what takes effect outside of the store may have done so.
ALTER TABLE jobs ADD COLUMN is_sealed INTEGER NOT NULL DEFAULT 0 CHECK (is_sealed IN (0, 1));
ALTER TABLE jobs ADD COLUMN params TEXT
  CHECK (params IS NULL OR ended_at IS NULL AND json_type(params) = 'object');
ALTER TABLE jobs ADD COLUMN checkpoint TEXT
  CHECK (checkpoint IS NULL OR ended_at IS NULL AND json_type(checkpoint) = 'object');
-- The session of whoever began it, who must still be allowed to.
ALTER TABLE jobs ADD COLUMN session_id TEXT CHECK (session_id IS NULL OR ended_at IS NULL);
