"""The scenario reference says what the schema says."""

import re
import tomllib

import pytest
from pydantic import BaseModel

from lockstep.scenarios import schema
from lockstep.scenarios.loading import validate
from lockstep.scenarios.plan import make_plan
from lockstep.scenarios.schema import KINDS, Scenario

BLOCK = re.compile(r"^```toml\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def page(repository):
    return (repository / "docs" / "scenarios.md").read_text()


def models():
    found = [getattr(schema, name) for name in dir(schema)]
    return [each for each in found if isinstance(each, type) and issubclass(each, BaseModel)]


def test_every_key_is_in_the_reference(page):
    keys = {key for model in models() for key in model.model_fields}
    words = set(re.findall(r"[a-z_]+", page))
    assert keys - words == set()
    assert set(KINDS) - set(re.findall(r"`([a-z_]+)`", page)) == set()


def test_every_default_in_the_reference_is_the_schema_s(page):
    scenario = Scenario.model_fields
    for table in ("account", "costs", "execution", "risk"):
        for key, field in scenario[table].annotation.model_fields.items():
            default = field.default
            if isinstance(default, str):
                assert f'`{key}` `"{default}"`' in page, key
            elif isinstance(default, bool):
                continue
            elif key not in ("cash", "max_orders"):
                assert re.search(rf"`{key}` {re.escape(f'{default:g}')}\d?0?\b", page), key


def test_the_examples_are_sound(page, catalog):
    blocks = BLOCK.findall(page)
    assert len(blocks) == 3
    for number, block in enumerate(blocks):
        make_plan(validate({"name": "example", **tomllib.loads(block)}, f"example {number}"), catalog)
