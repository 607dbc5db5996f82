-- Which step's digits switched a second factor on: whoever has just done that may try them once more, and nobody has read
-- them over a shoulder. Unknown of those from before.
alter table second_factors add column confirmed_step bigint;
grant update (confirmed_step) on second_factors to app_role;

-- The operator's function, which is the system to PostgreSQL, takes a second factor away from whoever can show neither a
-- code nor a recovery code. Recovery codes go with it, by their foreign key.
grant delete on second_factors to system_role;
