-- What was asked most by whoever sees everything, and its answers as far as they still hold at the
-- next start. Nothing is lost with a row: rpcbackend/store/cached_answers.py.

CREATE TABLE cached_answers (
  school_id bigint NOT NULL,
  channel   text COLLATE "C" NOT NULL,
  params    text COLLATE "C" NOT NULL CHECK (json_typeof(params::json) = 'object'),
  uses      bigint NOT NULL,
  -- Of the whole store, when the answer held; both or neither.
  state     bytea,
  answer    text COLLATE "C",
  PRIMARY KEY (school_id, channel, params)
);
