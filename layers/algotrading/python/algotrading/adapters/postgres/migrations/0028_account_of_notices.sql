-- Which broker account a notice about a strategy speaks of. Its strategy may be moved to another one later, so that nothing else
-- tells. Null: it speaks of none, or was written before this, or by the version before.
alter table outbox
    add column account_id uuid, add foreign key (account_id, user_id) references broker_accounts (account_id, user_id);
