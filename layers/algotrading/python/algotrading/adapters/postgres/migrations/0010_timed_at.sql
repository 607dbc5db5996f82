-- Since when a strategy's buy time has been waited for: when it was started, or its buy time changed. A change of
-- anything else must not hide that an entry which was due before it was lost.

alter table strategies add column timed_at timestamptz;
