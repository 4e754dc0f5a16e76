"""What a mail's template asks of a record, found without rendering it."""

import ast

from lxml import etree, html

from odoo.tools.rendering_tools import parse_inline_template

# attributes of QWeb whose value is an expression
EXPRESSIONS = ("t-out", "t-esc", "t-if", "t-elif", "t-foreach", "t-value")


def get_inline_expressions(text):
    """The expressions of a text with ``{{ … }}`` in it."""
    return [found for _text, found, _default in parse_inline_template(text) if found]


def get_qweb_expressions(body):
    """The expressions of a body that QWeb renders."""
    found = []
    for fragment in html.fragments_fromstring(body):
        if not isinstance(fragment, etree._Element):
            continue
        for element in fragment.iter(etree.Element):
            for name, value in element.attrib.items():
                if name in EXPRESSIONS or name.startswith("t-att-"):
                    found.append(value)
                elif name.startswith("t-attf-"):
                    found += get_inline_expressions(value)
    return found


def get_paths(expression, variable="object"):
    """The dotted paths that an expression asks of a variable, as tuples of names.

    :raises SyntaxError: it is no expression
    """
    paths = set()
    for node in ast.walk(ast.parse(expression.strip(), mode="eval")):
        names = []
        while isinstance(node, ast.Attribute):
            names.insert(0, node.attr)
            node = node.value
        if names and isinstance(node, ast.Name) and node.id == variable:
            paths.add(tuple(names))
    # of a path, not its beginnings too
    return {
        path
        for path in paths
        if not any(path != other and other[: len(path)] == path for other in paths)
    }


def find_missing(Model, path):
    """The part of a path that records of ``Model`` do not have, dotted; else None."""
    for number, name in enumerate(path, 1):
        field = Model._fields.get(name)
        if field is None:
            if hasattr(type(Model), name):
                return None
            return ".".join(path[:number])
        if not field.relational:
            return None  # what follows is asked of a value
        Model = Model.env[field.comodel_name]
    return None
