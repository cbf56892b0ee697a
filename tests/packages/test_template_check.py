"""Chat templates of strangers: what they may say, and what they may do."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import PackageError
from homeport.packages.template_check import check_template, try_templates

_CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
_STRICT = """{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}{{ raise_exception('System role not supported') }}{%- endif -%}
{%- set ns = namespace(last=-1) -%}
{%- for m in messages if m.role != 'tool' -%}
  {%- set ns.last = loop.index0 -%}
  {%- if m.role == 'assistant' %}{% generation %}{{ m.content | trim }}{% endgeneration %}
  {%- else %}{{ m.content }}{% endif -%}
  {%- if loop.index > 50 %}{% break %}{% endif -%}
{%- endfor -%}
{{ strftime_now('%Y') }}
{%- if tools is not none %}{{ tools | tojson }}{% endif -%}
"""


@pytest.mark.parametrize("text", [_CHATML, _STRICT, "{{ messages | length }}", ""])
def test_templates_of_the_usual_kind_pass(text: str) -> None:
    check_template(text)
    try_templates([text])


REACHING = {
    "a class": "{{ ''.__class__.__mro__ }}",
    "a class by key": "{{ ''['__class__'] }}",
    "a cycler": "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "an import": "{{ __import__('os').system('id') }}",
    "eval": "{{ eval('1') }}",
    "a filter": "{{ ''|attr('x') }}",
    "a map": "{{ [''] | map(attribute='__class__') | list }}",
    "a dotted map": "{{ [''] | map(attribute='a.__class__') | list }}",
    "a format": "{{ '{0.__class__}'.format(messages) }}",
    "the template": "{{ self._TemplateReference__context }}",
    "another file": "{% include '/etc/passwd' %}",
    "a parent": "{% extends 'x' %}",
    "a module": "{% import 'x' as y %}",
    "a name of a module": "{% from 'x' import y %}",
    "a set": "{% set x = messages.__len__ %}",
    "a branch that is not taken": "{% if false %}{{ ''.__class__ }}{% endif %}",
}


@pytest.mark.parametrize("text", REACHING.values(), ids=REACHING.keys())
def test_one_that_reaches_for_python_is_refused_by_its_text(text: str) -> None:
    with pytest.raises(PackageError) as caught:
        check_template(text)
    assert caught.value.code == "package_template_unsafe"
    assert caught.value.hint


@pytest.mark.parametrize("text", ["{% for %}", "{{", "{% nonsense %}", "{{ ) }}"])
def test_what_is_not_jinja_is_refused(text: str) -> None:
    with pytest.raises(PackageError) as caught:
        check_template(text)
    assert caught.value.code == "package_template_invalid"


@pytest.mark.parametrize("text", ["{{ " + "(" * 50_000 + ")" * 50_000 + " }}", "{% if a %}" * 5_000])
def test_one_that_is_nested_deep_is_refused(text: str) -> None:
    with pytest.raises(PackageError) as caught:
        check_template(text)
    assert caught.value.code in {"package_template_unsafe", "package_template_invalid"}


def test_a_long_one_is_refused() -> None:
    with pytest.raises(PackageError) as caught:
        check_template("a" * 300_000)
    assert caught.value.code == "package_too_large"


DOING = {
    "puts a name together": "{{ ''['_' ~ '_class_' ~ '_'] }}",
    "asks for it in a loop": "{% for c in ['class'] %}{{ ''['__' ~ c ~ '__'] }}{% endfor %}",
    "writes without end": "{% for i in range(90000) %}{{ 'a' * 1000 }}{% endfor %}",
    "takes all memory": "{% set n = namespace(x='aaaa') %}{% for i in range(60) %}{% set n.x=n.x~n.x %}{% endfor %}",
    "takes all memory at once": "{{ 'a' * 10**10 }}",
    "changes what it is given": "{{ messages.append(1) }}",
    "a range beyond all": "{% for i in range(10**9) %}{% endfor %}",
}


@pytest.mark.parametrize("text", DOING.values(), ids=DOING.keys())
def test_one_that_does_what_it_may_not_is_refused_when_it_is_tried(text: str) -> None:
    check_template(text)
    with pytest.raises(PackageError) as caught:
        try_templates([_CHATML, text])
    assert caught.value.code == "package_template_unsafe"


@pytest.mark.slow
def test_one_that_never_ends_is_stopped() -> None:
    loops = "".join(f"{{% for i{n} in range(99999) %}}" for n in range(3))
    with pytest.raises(PackageError) as caught:
        try_templates([loops + "{% endfor %}" * 3])
    assert caught.value.code == "package_template_unsafe"


@pytest.mark.parametrize("text", ["{{ 1 / 0 }}", "{{ messages.nothing.more }}", "{{ messages | nofilter }}"])
def test_one_that_cannot_render_a_question_is_refused(text: str) -> None:
    with pytest.raises(PackageError) as caught:
        try_templates([text])
    assert caught.value.code == "package_template_invalid"


@given(st.text(alphabet=st.sampled_from("{}%_a.[]'()|~ \n"), max_size=60))
def test_any_text_is_a_template_or_refused(text: str) -> None:
    limit = sys.getrecursionlimit()
    try:
        check_template(text)
    except PackageError as error:
        refused = error.code
        assert refused in {"package_template_unsafe", "package_template_invalid"}
    assert sys.getrecursionlimit() == limit


def test_nothing_of_the_current_folder_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "jinja2.py").write_text("open('stolen', 'w').close()")
    monkeypatch.chdir(tmp_path)
    try_templates([_CHATML])
    assert not (tmp_path / "stolen").exists()
