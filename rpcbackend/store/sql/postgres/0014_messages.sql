-- What the school says to people, whether they agreed to it, in which language and at which hours
-- (docs/messages.md). Instants are epoch seconds.

-- Null is the branch's.
ALTER TABLE students ADD COLUMN language text COLLATE "C" CHECK (length(language) = 2);

ALTER TABLE branches
  ADD COLUMN language text COLLATE "C" NOT NULL DEFAULT 'de' CHECK (length(language) = 2),
  -- Between these times of its wall clock nobody is written to; when they are equal there are none.
  ADD COLUMN quiet_from text COLLATE "C" NOT NULL DEFAULT '21:00' CHECK (length(quiet_from) = 5),
  ADD COLUMN quiet_until text COLLATE "C" NOT NULL DEFAULT '08:00'
    CHECK (length(quiet_until) = 5),
  -- How long before a lesson its student is reminded; 0 is never.
  ADD COLUMN reminder_minutes bigint NOT NULL DEFAULT 1440 CHECK (reminder_minutes >= 0);

-- What students agreed to and what they refused: the last one of a purpose and a channel holds.
CREATE TABLE consents (
  school_id    bigint NOT NULL,
  id           text COLLATE "C" NOT NULL,
  student_id   text COLLATE "C" NOT NULL,
  purpose      text COLLATE "C" NOT NULL CHECK (purpose IN ('lessons', 'payments', 'marketing')),
  channel      text COLLATE "C" NOT NULL CHECK (channel IN ('mail', 'sms')),
  is_granted   bigint NOT NULL CHECK (is_granted IN (0, 1)),
  source       text COLLATE "C" NOT NULL
    CHECK (source IN ('desk', 'paper', 'phone', 'app', 'import')),
  text_version text COLLATE "C" NOT NULL,
  recorded_at  bigint NOT NULL,
  actor        text COLLATE "C" NOT NULL,
  -- Of this purpose and channel of the student: 1, 2, 3, …
  version      bigint NOT NULL CHECK (version >= 1),
  PRIMARY KEY (school_id, id),
  FOREIGN KEY (school_id, student_id) REFERENCES students (school_id, id)
);

CREATE UNIQUE INDEX consents_of_student
  ON consents (school_id, student_id, purpose, channel, version);

CREATE TRIGGER consents_are_never_changed BEFORE UPDATE ON consents FOR EACH ROW
EXECUTE FUNCTION refuse('consents_are_never_changed');

CREATE TRIGGER consents_are_never_removed BEFORE DELETE ON consents FOR EACH ROW
EXECUTE FUNCTION refuse('consents_are_never_removed');

-- The school's own words in the place of the built-in ones; without text those hold again.
CREATE TABLE templates (
  school_id bigint NOT NULL,
  id        text COLLATE "C" NOT NULL,
  kind      text COLLATE "C" NOT NULL,
  channel   text COLLATE "C" NOT NULL CHECK (channel IN ('mail', 'sms')),
  language  text COLLATE "C" NOT NULL CHECK (length(language) = 2),
  subject   text COLLATE "C",
  text      text COLLATE "C",
  version   bigint NOT NULL,
  PRIMARY KEY (school_id, id)
);

CREATE UNIQUE INDEX templates_by_use ON templates (school_id, kind, language, channel);

-- When the student of a lesson to come is reminded of it, as far as that was decided. What he is
-- told, by which way, and whether he may be at all is looked up then (docs/adr/0041-reminders.md).
CREATE TABLE reminders (
  school_id bigint NOT NULL,
  lesson_id text COLLATE "C" NOT NULL,
  -- NULL: he was reminded of this start, or cannot be.
  due_at    bigint,
  PRIMARY KEY (school_id, lesson_id)
);

CREATE INDEX reminders_by_due ON reminders (school_id, due_at) WHERE due_at IS NOT NULL;
