-- The record, version 3: why. What a decision went by is kept with it: with the slot, or with a run that decided no slot of its
-- own, as one by hand or another attempt. It is text, see task.Evidence; empty is "not kept".
ALTER TABLE slot ADD COLUMN evidence TEXT NOT NULL DEFAULT '';
ALTER TABLE run ADD COLUMN evidence TEXT NOT NULL DEFAULT '';

-- Nothing kept the clock when the run began, and that was waited for.
ALTER TABLE run ADD COLUMN clock_unsynced INTEGER NOT NULL DEFAULT 0;
