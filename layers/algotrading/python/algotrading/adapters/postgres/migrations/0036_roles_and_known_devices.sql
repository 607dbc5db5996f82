-- A role of the staff is granted to whoever shows the second factor that is on. It goes with that factor: else whoever holds a
-- stolen token switches the factor off, sets another up, and holds the role by that. Roles that outlived theirs count for
-- nothing by now, and would again with the next.
delete from user_roles r
    where not exists (select from second_factors f where f.user_id = r.user_id and f.confirmed_at <= r.granted_at);
alter table user_roles
    add constraint user_roles_second_factor foreign key (user_id) references second_factors (user_id) on delete cascade;
