from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import yaml

from longismore.errors import ConfigError, UnknownNameError
from longismore.train.settings import PRESETS, TrainSettings, load_preset


def refused(**overrides: str) -> list[str]:
    """What is said of these changes to the settings for a tiny model."""
    with pytest.raises(ConfigError) as caught:
        load_preset("tiny-cpu", overrides)
    return caught.value.problems


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("learning_rate", "1e-5", 1e-5),
        ("epochs", "2", 2.0),
        ("batch_size", " 4 ", 4),
        ("max_steps", "none", None),
        ("max_steps", "30", 30),
        ("gradient_checkpointing", "true", True),
        ("append_eos", "no", False),
        ("report_to", "wandb, tensorboard", ("wandb", "tensorboard")),
        ("report_to", "none", ()),
        ("parallel", "none", "none"),
        ("batching", "pack", "pack"),
        ("template", "chat", "chat"),
        ("seed", "0", 0),
    ],
)
def test_text_becomes_the_type_of_the_setting(key: str, text: str, value: object) -> None:
    """What the command line gives as text is read as the setting's own type."""
    found = getattr(load_preset("tiny-cpu", {key: text}), key)
    assert value == found
    assert type(value) is type(found)


def test_all_problems_are_named_at_once() -> None:
    """An unknown name comes with near names, and every wrong value with what is allowed."""
    problems = refused(learnin_rate="1", epochs="x", attention="foo", batch_size="0", warmup_ratio="1", seed="1.5")
    assert len(problems) == 6
    text = "\n".join(problems)
    assert '"learnin_rate" is no setting of training; did you mean learning_rate?' in text
    assert 'epochs must be a number above 0, found "x"' in text
    assert 'attention must be auto, sdpa, eager or flash_attention_2, found "foo"' in text
    assert 'batch_size must be a whole number of at least 1, found "0"' in text
    assert 'warmup_ratio must be a number of at least 0 and below 1, found "1"' in text
    assert 'seed must be a whole number of at least 0 and at most 4,294,967,295, found "1.5"' in text


@pytest.mark.parametrize("text", ["nan", "inf", "-1", "", "none", "1" + "0" * 400])
def test_what_is_no_number_is_refused(text: str) -> None:
    """Neither an infinite learning rate nor one that is no number gets through."""
    assert refused(learning_rate=text)[0].startswith("learning_rate must be a number above 0")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"pad_to": "1024", "batching": "pack"}, "pad_to=1024 pads every row alike, batching=pack none"),
        ({"pad_to": "1024", "batching": "group"}, "pad_to=1024 pads every row alike, batching=group none"),
        ({"pad_to": "256"}, "pad_to=256 is less than max_length=512"),
        ({"global_batch_size": "12"}, "nearest: 8 and 16"),
        ({"global_batch_size": "4"}, "nearest: 8"),
        ({"quantization": "nf4"}, "quantization=nf4 without lora_rank"),
        ({"lora_alpha": "16"}, "lora_alpha without lora_rank"),
        ({"lora_rank": "8"}, "lora_rank=8 without lora_alpha and lora_dropout"),
        (
            {"lora_rank": "8", "lora_alpha": "16", "lora_dropout": "0", "lora_targets": ","},
            "lora_targets is an empty list",
        ),
        ({"neftune_reference_length": "2048"}, "neftune_reference_length=2048 without neftune_alpha"),
        ({"schedule": "constant"}, "warmup_ratio=0.03 has no effect with schedule=constant"),
        ({"attention": "flash_attention_2"}, "attention=flash_attention_2 needs 16 bits, precision=fp32 has 32"),
        ({"report_to": "wandb,trackioo"}, "report_to names trackioo"),
        ({"template": " "}, "template is empty"),
    ],
)
def test_contradictions_are_refused(overrides: dict[str, str], message: str) -> None:
    """Settings that cannot both be meant are named, with what to set instead."""
    problems = refused(**overrides)
    assert len(problems) == 1
    assert message in problems[0]


def test_contradictions_are_named_beside_unknown_names() -> None:
    """Nobody has to mend one mistake to hear of the next."""
    unknown, contradiction = refused(epoch="3", lora_rank="8")
    assert '"epoch" is no setting of training' in unknown
    assert "lora_rank=8 without lora_alpha and lora_dropout" in contradiction


@pytest.mark.parametrize("parallel", ["fsdp2", "zero3"])
def test_4_bit_weights_are_not_divided(parallel: str) -> None:
    """Quantized weights and a model that is divided do not go together."""
    with pytest.raises(ConfigError, match=f"quantization=nf4 cannot be divided by parallel={parallel}"):
        load_preset("alpagasus2-qlora", {"parallel": parallel})


def test_packs_that_count_rows_need_no_multiple() -> None:
    """Where a step takes as many packs as hold its rows, its size need not be a multiple of the packs at once."""
    settings = load_preset("tiny-cpu", {"batching": "pack", "global_batch_size": "12"})
    assert settings.global_batch_size == 12
    assert refused(batching="pack", batch_unit="sequences", global_batch_size="12")


def test_an_adapter_on_every_linear_layer() -> None:
    """An adapter without named modules is allowed: it is on all linear layers."""
    settings = load_preset("tiny-cpu", {"lora_rank": "8", "lora_alpha": "16", "lora_dropout": "0"})
    assert (settings.lora_rank, settings.lora_alpha, settings.lora_targets) == (8, 16.0, None)


@pytest.mark.parametrize("name", PRESETS)
def test_settings_go_through_json_and_yaml(name: str) -> None:
    """What is written down is read back the same, with the preset's name."""
    settings = load_preset(name, {"seed": "7"})
    assert settings.preset == name
    assert TrainSettings.from_mapping(settings.to_mapping()) == settings
    assert TrainSettings.from_mapping(yaml.safe_load(yaml.safe_dump(settings.to_mapping()))) == settings


def test_every_setting_has_to_be_given() -> None:
    """A file that leaves settings out is refused, and each of them is named with what it must be."""
    values = load_preset("tiny-cpu").to_mapping()
    del values["schedule"], values["seed"]
    with pytest.raises(ConfigError) as caught:
        TrainSettings.from_mapping(values)
    assert caught.value.problems == [
        "schedule is missing; it must be constant, constant_with_warmup, cosine or linear",
        "seed is missing; it must be a whole number of at least 0 and at most 4,294,967,295",
    ]


@pytest.mark.parametrize(
    ("key", "value"),
    [("report_to", ["wandb", 3]), ("epochs", [1]), ("append_eos", 1), ("batch_size", True), ("seed", 10**400)],
)
def test_values_of_a_file_have_their_type(key: str, value: Any) -> None:
    """A value of another type is refused, not bent."""
    with pytest.raises(ConfigError, match=f"^{key} must be "):
        TrainSettings.from_mapping({**load_preset("tiny-cpu").to_mapping(), key: value})


def test_the_name_of_the_preset_cannot_be_set() -> None:
    """Where settings came from is no setting."""
    assert refused(preset="alpagasus-7b") == ['"preset" says where settings came from, and is not set']


def test_unknown_presets_are_answered_with_near_ones() -> None:
    """A mistyped preset is answered with its neighbours."""
    with pytest.raises(UnknownNameError, match="did you mean tiny-cpu"):
        load_preset("tiny-gpu")


def test_settings_are_values() -> None:
    """Settings cannot be changed in place, and equal ones have equal hashes."""
    settings = load_preset("tiny-cpu")
    assert hash(settings) == hash(load_preset("tiny-cpu"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.seed = 3  # type: ignore[misc]
