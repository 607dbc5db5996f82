"""One synthesis of every environment for the whole session: CDK takes seconds to start, little to repeat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import get_args

import pytest

from algotrading.domain.sms_templates import SmsTemplate
from algotrading.settings import Stage
from cdk.environments import ENVIRONMENTS, Environment, FeedAccount, TextMessages
from cdk.synth import synthesize
from tests.infrastructure.templates import FEED_USER_IDS, Estate

FEED_ACCOUNTS = (
    *(FeedAccount(f"feed-{number}@example.com", user_id) for number, user_id in enumerate(FEED_USER_IDS)),
    FeedAccount("not-yet@example.com"),
)


TEXTS = TextMessages(
    sender_id="ALGOTR",
    entity_id="1101000000000000001",
    template_ids={each: f"11070000000000{number:05}" for number, each in enumerate(SmsTemplate)},
    spend_usd=20,
)


@pytest.fixture(scope="session")
def estates(tmp_path_factory: pytest.TempPathFactory) -> Mapping[Stage, Estate]:
    """Templates of every environment."""
    out = tmp_path_factory.mktemp("templates")
    return {
        stage: Estate(synthesize(environment, out / stage, in_place=True))
        for stage, environment in ENVIRONMENTS.items()
    }


@pytest.fixture(scope="session")
def feeding_estate(tmp_path_factory: pytest.TempPathFactory) -> Estate:
    """An environment with what is registered elsewhere first, which in the table none has yet: two of its feed
    accounts, and a sender of SMS."""
    out = tmp_path_factory.mktemp("feeding")
    environment = replace(ENVIRONMENTS["dev"], feed_accounts=FEED_ACCOUNTS, texts=TEXTS)
    return Estate(synthesize(environment, out, in_place=True))


@pytest.fixture(scope="session")
def listening_estate(tmp_path_factory: pytest.TempPathFactory) -> Estate:
    """An environment whose watcher keeps order sockets; none of the table's does."""
    out = tmp_path_factory.mktemp("listening")
    environment = replace(ENVIRONMENTS["dev"], feed_accounts=FEED_ACCOUNTS, order_update_sockets=True)
    return Estate(synthesize(environment, out, in_place=True))


@pytest.fixture(params=get_args(Stage))
def environment(request: pytest.FixtureRequest) -> Environment:
    """Each environment in turn."""
    stage: Stage = request.param
    return ENVIRONMENTS[stage]


@pytest.fixture
def estate(estates: Mapping[Stage, Estate], environment: Environment) -> Estate:
    """The templates of `environment`."""
    return estates[environment.stage]
