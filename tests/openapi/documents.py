"""The two documents: whether they are well-formed, and what is valid by them."""

import json
import subprocess

import openapi_spec_validator
import yaml
from jsonschema import Draft7Validator, Draft202012Validator
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT7, DRAFT202012

from stack import ROOT

HERE = ROOT / "tests/openapi"
DOCS = ROOT / "docs/reference"
OPENAPI, ASYNCAPI = DOCS / "openapi.yaml", DOCS / "asyncapi.yaml"
# Whose values are by the name of the one who wrote the document, and not keywords.
NAMES = {"properties", "patternProperties", "schemas", "headers", "responses", "messages", "parameters", "examples"}


CONTENTS = {path: yaml.safe_load(path.read_text()) for path in (OPENAPI, ASYNCAPI)}
REGISTRY = Registry().with_resources(
    (path.as_uri(), DRAFT202012.create_resource(content)) for path, content in CONTENTS.items()
)


class Document:
    """A document, and a validator for each place in it."""

    def __init__(self, path):
        self.path = path
        self.content = CONTENTS[path]
        self.violations = []

    def complain(self, text):
        self.violations.append(f"{self.path.name}: {text}")

    def validator(self, pointer):
        """For the schema at this place, by its JSON pointer."""
        reference = {"$ref": f"{self.path.as_uri()}#{pointer}"}
        return Draft202012Validator(reference, registry=REGISTRY, format_checker=Draft202012Validator.FORMAT_CHECKER)

    def resolve(self, node):
        """The content of a node, or of the one that it refers to in this document."""
        while isinstance(node, dict) and "$ref" in node:
            found = self.content
            for word in node["$ref"].removeprefix("#/").split("/"):
                found = found[word.replace("~1", "/").replace("~0", "~")]
            node = found
        return node

    def check(self, what, value, pointer):
        for error in self.validator(pointer).iter_errors(value):
            self.complain(f"{what}: {error.json_path}: {error.message}")

    def check_examples(self):
        """Holds every example against the schema that it stands beside; gives how many there are."""
        return sum(self.examples_in(node, pointer) for node, pointer in walk(self.content, ""))

    def examples_in(self, node, pointer):
        examples = []
        if "schema" in node:  # of a medium, a parameter or a header
            examples += [("example", node["example"])] if "example" in node else []
            examples += [(name, self.resolve(example)["value"]) for name, example in node.get("examples", {}).items()]
            pointer += "/schema"
        elif "payload" in node:  # of a message
            examples += [(example["name"], example["payload"]) for example in node.get("examples", [])]
            pointer += "/payload"
        elif isinstance(node.get("examples"), list):  # of a schema
            examples += [(str(n), example) for n, example in enumerate(node["examples"])]
            examples += [("default", node["default"])] if "default" in node else []
        for name, example in examples:
            self.check(f"example {name} of {pointer}", example, pointer)
        return len(examples)


def walk(node, pointer):
    """All objects of a document, each with its JSON pointer, but for what is in examples."""
    if isinstance(node, dict):
        if pointer.rsplit("/", 1)[-1] not in NAMES:
            yield node, pointer
        for name, value in node.items():
            if name not in ("example", "examples"):
                yield from walk(value, f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(node, list):
        for n, value in enumerate(node):
            yield from walk(value, f"{pointer}/{n}")


def check_closed(document):
    """Objects that say which properties they have say that there are no others."""
    for node, pointer in walk(document.content, ""):
        is_schema = node.get("type") == "object" and "properties" in node
        if is_schema and node.get("additionalProperties") is not False and not pointer.startswith(OPEN):
            document.complain(f"{pointer} has no additionalProperties: false")


# What the gateway takes whatever is in it; and the words of a handshake, among which any may be.
OPEN = ("/components/messages/ping/payload", "/channels/socket/bindings/ws")


def asyncapi_schema(folder):
    """AsyncAPI's own schema of such a document, which comes by npm."""
    lock, installed = (HERE / "package-lock.json").read_text(), folder / "installed.json"
    if not (installed.exists() and installed.read_text() == lock):
        for name in ("package.json", "package-lock.json"):
            (folder / name).write_text((HERE / name).read_text())
        npm = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(npm, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        installed.write_text(lock)
    return json.loads((folder / "node_modules/@asyncapi/specs/schemas/3.0.0.json").read_text())


def read(folder):
    """Both documents, with what is wrong with them, and how many examples they have."""
    openapi, asyncapi = Document(OPENAPI), Document(ASYNCAPI)
    check_references(openapi)
    check_references(asyncapi)
    if openapi.violations + asyncapi.violations:
        return openapi, asyncapi, 0  # nothing else could be looked up
    for error in openapi_spec_validator.OpenAPIV31SpecValidator(openapi.content).iter_errors():
        openapi.complain(f"{error.json_path}: {error.message}")
    schema = asyncapi_schema(folder)
    parts = ((uri, DRAFT7.create_resource(part)) for uri, part in schema["definitions"].items())
    for error in Draft7Validator(schema, registry=Registry().with_resources(parts)).iter_errors(asyncapi.content):
        asyncapi.complain(f"{error.json_path}: {error.message[:300]}")
    check_operations(asyncapi)
    check_closed(openapi)
    check_closed(asyncapi)
    return openapi, asyncapi, openapi.check_examples() + asyncapi.check_examples()


def check_references(document):
    resolver = REGISTRY.resolver(document.path.as_uri())
    for node, pointer in walk(document.content, ""):
        try:
            resolver.lookup(node["$ref"]) if "$ref" in node else None
        except Unresolvable:
            document.complain(f"{pointer} refers to {node['$ref']}, which is not there")


def check_operations(document):
    """Checks the one thing that AsyncAPI's schema cannot see: that an operation's messages are in its channel."""
    known = {f"#/channels/socket/messages/{name}" for name in document.content["channels"]["socket"]["messages"]}
    for name, operation in document.content["operations"].items():
        for message in operation["messages"] + operation.get("reply", {}).get("messages", []):
            if message["$ref"] not in known:
                document.complain(f"{name} has {message['$ref']}, which is not there")
