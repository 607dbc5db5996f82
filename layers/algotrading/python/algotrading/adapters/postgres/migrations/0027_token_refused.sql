-- Since when the broker refuses the access token that is stored, by its own word; null: it takes it, as far as anybody knows.
-- Whoever writes another token, the version before too, which knows nothing of this, takes the mark away with the old one.
alter table broker_connections add column refused_at timestamptz;

create function forget_refusal() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
    new.refused_at := null;
    return new;
end $$;
create trigger another_token before update on broker_connections
    for each row when (new.token_at is distinct from old.token_at) execute function forget_refusal();
