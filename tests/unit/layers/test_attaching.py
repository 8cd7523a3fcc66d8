"""Which layers a function may list, in AWS's words, and how they stack."""

from __future__ import annotations

import pytest

from lamina.errors import ApiError
from lamina.layers import sizes
from lamina.layers.attaching import AttachedLayer, attach, check_readable, check_references, references
from lamina.layers.policies import ANY_ORGANIZATION, Policy, layer_statement
from lamina.layers.versions import LayerVersion, StoredArchive
from lamina.names import Digest, LayerArn, LayerVersionArn, Scope

HERE = Scope("123456789012", "eu-west-1")
PREFIX = "arn:aws:lambda:eu-west-1:123456789012:layer"
LIMIT = 262_144_000
GRANT = {"StatementId": "s", "Action": "lambda:GetLayerVersion", "Principal": "210987654321"}


def arn(name: str, number: int = 1, scope: Scope = HERE) -> LayerVersionArn:
    return LayerArn(scope, name).version(number)


def layer(name: str, unzipped_bytes: int = 1) -> AttachedLayer:
    return AttachedLayer(arn(name), StoredArchive(Digest.of(name.encode()), 1, unzipped_bytes))


def refusal(*arns: LayerVersionArn) -> tuple[str, int, str]:
    with pytest.raises(ApiError) as error:
        check_references(HERE, arns)
    return error.value.code, error.value.status, error.value.message


def test_five_layers_are_allowed_and_a_sixth_is_not() -> None:
    names = [arn(name) for name in "abcdef"]
    check_references(HERE, names[:5])
    assert refusal(*names) == ("InvalidParameterValueException", 400, "Cannot reference more than 5 layers.")


def test_two_versions_of_one_layer_are_refused_and_the_first_clashing_pair_is_named() -> None:
    sentence = (
        "Two different versions of the same layer are not allowed to be referenced in the same function. "
        "{} and {} are versions of the same layer."
    )
    kind = ("InvalidParameterValueException", 400)
    assert refusal(arn("a", 1), arn("a", 2)) == (*kind, sentence.format(f"{PREFIX}:a:1", f"{PREFIX}:a:2"))
    assert refusal(arn("a", 1), arn("a", 1)) == (*kind, sentence.format(f"{PREFIX}:a:1", f"{PREFIX}:a:1"))
    clashing = refusal(arn("a", 1), arn("a", 2), arn("a", 3))
    assert clashing == (*kind, sentence.format(f"{PREFIX}:a:1", f"{PREFIX}:a:2"))


def test_layers_of_one_name_but_of_different_accounts_or_regions_are_different_layers() -> None:
    elsewhere = arn("a", 1, Scope("123456789012", "us-east-1"))
    sentence = "Layers are not in the same region as the function. Layers are expected to be in region eu-west-1."
    assert refusal(arn("a"), elsewhere) == ("InvalidParameterValueException", 400, sentence)
    check_references(HERE, [arn("a"), arn("a", 1, Scope("210987654321", "eu-west-1"))])
    far = arn("a", 1, Scope("210987654321", "us-east-1"))
    assert refusal(arn("a"), far)[:2] == ("AccessDeniedException", 403)


def test_layers_9_a_layer_is_read_by_its_owner_and_by_whom_its_policy_lets_in() -> None:
    policy = Policy((layer_statement(arn("a"), GRANT),), "r")
    check_readable(HERE, arn("a"), None, ANY_ORGANIZATION)
    check_readable(Scope("210987654321", "eu-west-1"), arn("a"), policy, ANY_ORGANIZATION)
    for caller, held in (
        (Scope("210987654321", "eu-west-1"), None),
        (Scope("111122223333", "eu-west-1"), policy),
        # A grant holds in the layer's own region.
        (Scope("210987654321", "us-east-1"), policy),
    ):
        with pytest.raises(ApiError) as error:
            check_readable(caller, arn("a"), held, ANY_ORGANIZATION)
        assert (error.value.code, error.value.status) == ("AccessDeniedException", 403)
        assert error.value.message == (
            f"User: arn:aws:iam::{caller.account}:root is not authorized to perform: lambda:GetLayerVersion "
            f"on resource: {arn('a')} because no resource-based policy allows the lambda:GetLayerVersion action"
        )


def test_what_does_not_exist_is_refused_by_its_arn() -> None:
    sentence = f"Layer version {PREFIX}:doesnotexist:1 does not exist."
    with pytest.raises(ApiError) as error:
        attach([arn("doesnotexist")], [None])
    assert (error.value.code, error.value.message) == ("InvalidParameterValueException", sentence)
    with pytest.raises(ApiError, match=r"awslayer:AmazonLinux2 does not exist\."):
        references(["arn:aws:lambda:::awslayer:AmazonLinux2"])


def test_attached_layers_keep_the_order_of_the_list() -> None:
    arns = references([f"{PREFIX}:b:2", f"{PREFIX}:a:1"])
    archive = StoredArchive(Digest.of(b""), 1, 1)
    assert [held.arn for held in attach(arns, [LayerVersion(each, archive, "now") for each in arns])] == list(arns)


def test_exactly_the_limit_fits_and_one_byte_more_does_not() -> None:
    sizes.check_uploaded(52_428_800)
    with pytest.raises(ApiError, match="Zipped size must be smaller than 52428800 bytes") as error:
        sizes.check_uploaded(52_428_801)
    assert (error.value.code, error.value.status, error.value.kind) == ("RequestEntityTooLargeException", 413, None)
    sizes.check_unzipped(LIMIT)
    with pytest.raises(ApiError, match="Unzipped size must be smaller than 262144000 bytes"):
        sizes.check_unzipped(LIMIT + 1)


def test_layers_shrink_the_room_for_code() -> None:
    room = sizes.room_for_code([layer("a", 6_969_053)])
    with pytest.raises(ApiError, match="Unzipped size must be smaller than 255174947 bytes"):
        sizes.check_unzipped(room + 1, room)
    assert sizes.room_for_code([layer("a", LIMIT), layer("b", 1)]) == 0


def test_layers_alone_and_with_code_have_errors_of_their_own() -> None:
    sizes.check_together(LIMIT - 1, [layer("a", 1)])
    with pytest.raises(ApiError, match="Layers consume more than the available size of 262144000 bytes"):
        sizes.check_together(0, [layer("a", LIMIT), layer("b", 1)])
    sentence = (
        "Function code combined with layers exceeds the maximum allowed size of 262144000 bytes. "
        "The actual size is 262144001 bytes."
    )
    with pytest.raises(ApiError, match=sentence):
        sizes.check_together(LIMIT, [layer("a", 1)])
