#!/usr/bin/env python3
"""Writes the manual pages, from what `tunneld --help` says, README.md and docs/config.md: nothing is written twice. Tables of
options become definitions, since they are unreadable at 80 columns.

    packaging/man_pages.py FOLDER [EMULATOR] TUNNELD
"""
import dataclasses
import datetime
import os
import pathlib
import re
import subprocess
import sys

TREE = pathlib.Path(__file__).resolve().parent.parent
DOCUMENTS = "/usr/share/doc/tunneld"
FILES = f"""# FILES
*/etc/tunneld/NAME.yaml*
: The configuration of the service *tunneld@NAME*, see tunneld.yaml(5).

*{DOCUMENTS}*
: Documents: a server and its clients from nothing, layer 2, what else manages a host, and examples.
"""


@dataclasses.dataclass
class Help:
    """What `tunneld WORDS --help` says. Entries are pairs: what to type, and what it does."""

    words: tuple
    summary: str
    usage: str
    positionals: list
    options: list
    commands: list
    exit_codes: str


def read_help(tunneld, *words):
    text = subprocess.run([*tunneld, *words, "--help"], check=True, capture_output=True, text=True).stdout
    sections, section = {}, None
    for line in text.splitlines():
        entry = re.match(r"  (\S.*?)(?:\s{2,}(\S.*))?$", line)
        if re.fullmatch(r"[A-Z][a-z]+:", line):
            section = sections.setdefault(line[:-1], [])
        elif section is not None and entry:
            section.append([entry[1], entry[2] or ""])
        elif section is not None and line.startswith("    "):
            section[-1][1] = f"{section[-1][1]} {line.strip()}".strip()
    return Help(
        words=words,
        summary=text.partition("Usage: ")[0].strip(),
        usage=re.search(r"Usage: (.*)", text)[1],
        positionals=sections.get("Positionals", []),
        options=sections.get("Options", []),
        commands=[name for name, _ in sections.get("Subcommands", [])],
        exit_codes=re.search(r"^Exit codes: (.*)", text, re.MULTILINE)[1],
    )


def escaped(text):
    """For words to be typed: a plain hyphen would become a typographic one."""
    return text.replace("\\", "\\e").replace("-", "\\-")


def inline(text):
    """What stands between backquotes or two stars is bold, what between single stars is italic."""
    parts = re.split(r"(`[^`]+`|\*\*[^*]+\*\*|\*[^*\s][^*]*\*)", text)
    for index, part in enumerate(parts):
        if index % 2 == 0:
            parts[index] = part.replace("\\", "\\e")
        else:
            font = "B" if part.startswith(("`", "**")) else "I"
            parts[index] = rf"\f{font}{escaped(part.strip('`*'))}\fR"
    result = "".join(parts)
    return rf"\&{result}" if result.startswith((".", "'")) else result


def split_items(block):
    """What stands between two empty lines, as pairs of a kind and the lines of one item of it."""
    items = []
    for line in block.split("\n"):
        kind, lines = items[-1] if items else (None, [])
        if line.startswith("#"):
            items.append(("heading", [line]))
        elif line.startswith("    ") and kind is None:
            items.append(("code", [line]))
        elif re.match(r"(-|\d+\.) ", line):
            items.append(("point", [line]))
        elif line.startswith(": "):
            items[-1] = ("definition", [lines[0], line[2:]])
        elif kind in (None, "heading"):
            items.append(("paragraph", [line]))
        else:
            lines.append(line)
    return items


def roff(text):
    """Of Markdown what is used here: headings, paragraphs, lists of points, indented code, and definitions."""
    result = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        for kind, lines in split_items(block):
            words = inline(" ".join(line.strip() for line in lines))
            first, _, rest = words.partition(" ")
            if kind == "heading":
                result.append(f'.{"SH" if first == "#" else "SS"} "{rest}"')
            elif kind == "code":
                result += [".PP", ".RS 4", ".EX", *(rf"\&{escaped(line[4:])}" for line in lines), ".EE", ".RE"]
            elif kind == "point":
                mark = r"\(bu" if first == "-" else first
                result += [f'.IP "{mark}" 4', rest]
            elif kind == "definition":
                result += [".TP", inline(lines[0]), inline(" ".join(lines[1:]))]
            elif result and result[-1].startswith((".SH", ".SS")):
                result.append(words)
            else:
                result += [".PP", words]
    return "\n".join(result) + "\n"


def upper(text):
    return text[:1].upper() + text[1:]


def definition(term, words):
    return f"{term}\n: {words or '-'}\n\n"


def entry(term, words):
    """One of an option or a positional. CLI11 adds to its name what else is known of it."""
    words = words.rstrip(".") and words
    facts = []
    if " REQUIRED" in term:
        facts.append("required")
    term = re.sub(r" REQUIRED| Excludes: .*|:\{.*?\}", "", term).strip()
    default = re.search(r"=(\S+)", term)
    if default:
        facts.append(f"default: {default[1]}")
        term = term.replace(default[0], "")
    words = words + (f" ({', '.join(facts)})" if words and facts else upper(", ".join(facts)))
    if term.startswith("-"):
        names, _, value = term.partition(" ")
        term = ", ".join(f"**{name}**" for name in names.split(",")) + (f" *{value}*" if value else "")
    else:
        term = f"*{term.partition(' ')[2]}*"
    return definition(term, words)


def synopsis(page):
    """CLI11 calls positionals by their names, people by their values."""
    usage = page.usage
    for term, _ in page.positionals:
        name, _, value = term.partition(" ")
        usage = re.sub(rf"\b{name}\b(\]?)$", value.split(" ")[0] + r"\1", usage)
    return usage


def entries(page):
    usual = "**-h**, **--help**"
    return "".join(text for text in (entry(*each) for each in page.positionals + page.options) if not text.startswith(usual))


def command_sections(tunneld, page):
    text = ""
    for name in page.commands:
        command = read_help(tunneld, *page.words, name)
        text += f"## {' '.join(('tunneld', *command.words))}\n{synopsis(command)}\n\n{command.summary}.\n\n"
        text += f"See tunneld-{name}(8).\n\n" if command.commands else entries(command)
    return text


def command_page(tunneld, page, description, see_also):
    name = "-".join(("tunneld", *page.words))
    summary = page.summary.removeprefix("tunneld: ")
    summary = summary[:1].lower() + summary[1:]
    options = entries(page)
    return (
        f"# NAME\n{name} - {summary}\n\n# SYNOPSIS\n{synopsis(page)}\n\n"
        + (f"# DESCRIPTION\n{description}\n\n" if description else "")
        + (f"# OPTIONS\n{options}" if options else "")
        + f"# COMMANDS\n{command_sections(tunneld, page)}"
        + f"# EXIT STATUS\n{page.exit_codes}\n\n{FILES}\n# SEE ALSO\n{see_also}\n"
    )


def without_tables(text):
    """Rows of a table become definitions: the option, then its values and default, then the words."""
    result, head = [], None
    for line in text.splitlines():
        if not line.startswith("|"):
            head = None
            result.append(line)
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if head is None:
            head = cells
        elif not cells[0].startswith("---"):
            facts = dict(list(zip(head, cells))[1:-1])
            words = "; ".join("required" if cell == "required" else f"{name}: {cell}" for name, cell in facts.items())
            result.append(definition(cells[0].replace("`", "**"), f"{upper(words + '. ') if words else ''}{cells[-1]}"))
    return "\n".join(result)


def without_links(text):
    text = re.sub(r"\[([^\]]*)\]\(#[^)]*\)", r"\1", text)
    return re.sub(r"\[([^\]]*)\]\(([^)#:]*)[^)]*\)", rf"\1 ({DOCUMENTS}/docs/\2)", text)


def configuration_page():
    text = (TREE / "docs/config.md").read_text()
    text = without_links(without_tables(text.partition("\n")[2]))
    text = re.sub(r"^##+ ", lambda match: match[0][1:], text, flags=re.MULTILINE)
    return (
        "# NAME\ntunneld.yaml - configuration of an interface of tunneld\n\n# DESCRIPTION\n"
        + text.replace("`config/`", f"`{DOCUMENTS}/examples`")
        + "\n\n# SEE ALSO\ntunneld(8), wg-quick(8)\n"
    )


def main(folder, *tunneld):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    version = subprocess.run([*tunneld, "--version"], check=True, capture_output=True, text=True).stdout.strip()
    time = os.environ.get("SOURCE_DATE_EPOCH")
    date = datetime.datetime.fromtimestamp(int(time), datetime.timezone.utc) if time else datetime.datetime.now()

    def write(name, section, text):
        head = f'.TH "{name}" "{section}" "{date:%F}" "{version}" "tunneld"'
        (folder / f"{name}.{section}").write_text(f"{head}\n.nh\n.ad l\n{roff(text)}")

    whole = read_help(tunneld)
    commands = [page for page in (read_help(tunneld, name) for name in whole.commands) if page.commands]
    introduction = (TREE / "README.md").read_text().split("\n\n")[1]
    see_also = ["tunneld.yaml(5)", *(f"tunneld-{page.words[0]}(8)" for page in commands), "wg(8)"]
    write("tunneld", 8, command_page(tunneld, whole, introduction, ", ".join(see_also)))
    for page in commands:
        write(f"tunneld-{page.words[0]}", 8, command_page(tunneld, page, None, "tunneld(8), tunneld.yaml(5)"))
    write("tunneld.yaml", 5, configuration_page())


if __name__ == "__main__":
    main(*sys.argv[1:])
