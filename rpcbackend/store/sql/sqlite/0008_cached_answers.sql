-- What was asked most by whoever sees everything, and its answers as far as they still hold at the
-- next start. Nothing is lost with a row: rpcbackend/store/cached_answers.py.

CREATE TABLE cached_answers (
  school_id INTEGER NOT NULL,
  channel   TEXT    NOT NULL,
  params    TEXT    NOT NULL CHECK (json_type(params) = 'object'),
  uses      INTEGER NOT NULL,
  -- Of the whole store, when the answer held; both or neither.
  state     BLOB,
  answer    TEXT,
  PRIMARY KEY (school_id, channel, params)
) STRICT;
