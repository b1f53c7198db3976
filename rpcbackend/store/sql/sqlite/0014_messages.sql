-- What the school says to people, whether they agreed to it, in which language and at which hours
-- (docs/messages.md). Instants are epoch seconds.

-- Null is the branch's.
ALTER TABLE students ADD COLUMN language TEXT CHECK (length(language) = 2);

ALTER TABLE branches ADD COLUMN language TEXT NOT NULL DEFAULT 'de' CHECK (length(language) = 2);
-- Between these times of its wall clock nobody is written to; when they are equal there are none.
ALTER TABLE branches ADD COLUMN quiet_from TEXT NOT NULL DEFAULT '21:00'
  CHECK (length(quiet_from) = 5);
ALTER TABLE branches ADD COLUMN quiet_until TEXT NOT NULL DEFAULT '08:00'
  CHECK (length(quiet_until) = 5);
-- How long before a lesson its student is reminded; 0 is never.
ALTER TABLE branches ADD COLUMN reminder_minutes INTEGER NOT NULL DEFAULT 1440
  CHECK (reminder_minutes >= 0);

-- What students agreed to and what they refused: the last one of a purpose and a channel holds.
CREATE TABLE consents (
  school_id    INTEGER NOT NULL,
  id           TEXT    NOT NULL,
  student_id   TEXT    NOT NULL,
  purpose      TEXT    NOT NULL CHECK (purpose IN ('lessons', 'payments', 'marketing')),
  channel      TEXT    NOT NULL CHECK (channel IN ('mail', 'sms')),
  is_granted   INTEGER NOT NULL CHECK (is_granted IN (0, 1)),
  source       TEXT    NOT NULL CHECK (source IN ('desk', 'paper', 'phone', 'app', 'import')),
  text_version TEXT    NOT NULL,
  recorded_at  INTEGER NOT NULL,
  actor        TEXT    NOT NULL,
  -- Of this purpose and channel of the student: 1, 2, 3, …
  version      INTEGER NOT NULL CHECK (version >= 1),
  PRIMARY KEY (school_id, id),
  FOREIGN KEY (school_id, student_id) REFERENCES students (school_id, id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX consents_of_student
  ON consents (school_id, student_id, purpose, channel, version);

CREATE TRIGGER consents_are_never_changed BEFORE UPDATE ON consents
BEGIN
  SELECT RAISE(ABORT, 'consents_are_never_changed');
END;

CREATE TRIGGER consents_are_never_removed BEFORE DELETE ON consents
BEGIN
  SELECT RAISE(ABORT, 'consents_are_never_removed');
END;

-- The school's own words in the place of the built-in ones; without text those hold again.
CREATE TABLE templates (
  school_id INTEGER NOT NULL,
  id        TEXT    NOT NULL,
  kind      TEXT    NOT NULL,
  channel   TEXT    NOT NULL CHECK (channel IN ('mail', 'sms')),
  language  TEXT    NOT NULL CHECK (length(language) = 2),
  subject   TEXT,
  text      TEXT,
  version   INTEGER NOT NULL,
  PRIMARY KEY (school_id, id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX templates_by_use ON templates (school_id, kind, language, channel);

-- When the student of a lesson to come is reminded of it, as far as that was decided. What he is
-- told, by which way, and whether he may be at all is looked up then (docs/adr/0041-reminders.md).
CREATE TABLE reminders (
  school_id INTEGER NOT NULL,
  lesson_id TEXT    NOT NULL,
  -- NULL: he was reminded of this start, or cannot be.
  due_at    INTEGER,
  PRIMARY KEY (school_id, lesson_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX reminders_by_due ON reminders (school_id, due_at) WHERE due_at IS NOT NULL;
