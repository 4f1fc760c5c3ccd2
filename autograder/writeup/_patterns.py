"""What headings, part marks and references look like: the patterns of `_structure`, each linear in what it reads."""

from __future__ import annotations

import re

from autograder.writeup._markup import HEAD, ITEM, QUOTE

START = re.compile(f"(?:^|(?<=\n)|[{HEAD}{ITEM}{QUOTE}])")
DECORATION = re.compile(
    r"(?:[ |]|[-+•‣▪◦](?=[ ])|\*\*|__|\*(?=[^\s*])|\*(?=[ ])|_(?=[(\w])|[$](?=\\?[a-z]*\{?\(?[a-zA-Z]{1,4}[).])"
    r"|\\(?:textbf|textit|emph|underline|textsc|textrm|text|mathbf|uline)[ ]*\{|\{[ ]*\\(?:bf|it|large|Large|LARGE|bfseries"
    r"|itshape)(?![A-Za-z])"
    r"|\\(?:noindent|bf|bfseries|itshape|large|Large|LARGE|medskip|bigskip|smallskip|newpage|clearpage|quad|par)(?![A-Za-z])"
    r"|\\[vh]space\*?\{[^{}\n]{0,20}\}|\\[\\ ])*"
)
KEYWORD = r"(?:problem|question|exercise|prob|quest|ex|task|q)"
HEADING = re.compile(
    r"(?:(?:homework|hw|assignment)[ ]*\#?\d{1,2}[ ]*[,:.—–-]?[ ]*)?(?:(?:my[ ]+)?(?:solution|answer)s?[ ]+(?:to|for|of)[ ]+)?"
    rf"(?P<word>{KEYWORD}\b\.?[ ]*\#?[ ]*|Q(?=\d))?(?P<number>\d{{1,2}})(?![\d%/*^=+]|[.,]\d)",
    re.IGNORECASE,
)
ANSWER_TO = re.compile(
    r"(?:(?:my[ ]+)?(?:final[ ]+)?(?:answer|ans|solution|sol)s?\.?[ ]*:?[ ]*(?:(?:to|for|of)[ ]+)?|part[ ]+(?=\d))(?=\(|part\b|\d)",
    re.IGNORECASE,
)
PART_WORD = re.compile(r"[ ]*[,:–—-]?[ ]*(?:sub-?)?part[ ]+(?=[(\[]?[A-Za-z0-9]{1,4}\b)", re.IGNORECASE)
TOKEN = r"([ivxIVX]{1,4}|[A-Za-z]|\d)"
SECOND = r"(?:(?:[ ]*[.,-][ ]*|(?<=[a-hA-H]))([ivx]{1,4}|\d))?"
STRONG = re.compile(rf"[ ]*[(（\[][ ]*(?:\\?textbf\{{)?{TOKEN}{SECOND}[ ]*\}}?[ ]*[)）\]]")
WEAK = re.compile(r"[ ]*[.-]?[ ]*([ivxIVX]{1,4}|[A-Za-z])(?:(?:[.-]|(?<=[a-hA-H]))([ivx]{1,4}))?[ ]*(?:(\))|([.:])(?=[\s*_}$]|$))")
BARE = re.compile(r"[ ]*[.-]?[ ]*([ivxIVX]{1,4}|[A-Za-z])(?:(?:[.-]|(?<=[a-hA-H]))([ivx]{1,4}))?(?=[\s*_}:\]]|$|\([ivx])")
ADJACENT = re.compile(r"([ivx]{1,4})()(?=[\s*_}:]|$)")
SEPARATOR = re.compile(r"[ ]*[:.)]?(?=[\s*_}$]|$)")
ROMAN_NUMBER = re.compile(r"^[IVX]{1,4}[.)][ ]+")
NEXT_LINE = re.compile(r"[.):]?[ ]*\n\s*(?:\*\*)?")
BAR = re.compile(r"[ ]*[|]")
FLAT = re.compile(r"\(?(\d{1,2})[.):](?=[\s*_}$(]|$)")
INLINE = re.compile(
    r"(?<=[\s.;,|:])(?:(?P<number>\d{1,2})[. ]?)?"
    r"(?:[(（](?P<first>[A-Za-z]|[ivx]{1,4})[)）](?:[ ]?[(（](?P<second>[ivx]{1,4})[)）])?(?=[\s:*_$]|$)"
    r"|(?P<weak>[a-z]|[ivx]{1,4})(?P<close>[).])(?=\s))"
)
INLINE_NUMBER = re.compile(r"(?:^|(?<=[\s.;,]))\(?(\d{1,2})[.)](?=\s)")
REFERRING = re.compile(
    r"(?:\b(?:from|by|in|part|parts|equation|equations|eq|eqs|see|using|use|to|of|with|and|or|problem|question|than|case|for|as"
    r"|step|like|unlike|both|on|"
    r"formula|condition|property|the|same|via|combining|plugging|into|that|since|because|if|when|per|exercise|item|section|apply"
    r"|applying|result)\.?|[(=+*/^~]|,|&)[ ~]*$",
    re.IGNORECASE,
)
CONTINUED = re.compile(
    r"[ ]*(?:[,;)\]]|(?:and|or|&|above|below|implies|shows|says|gives|yields|we (?:know|have|see|get|find))\b|[–—-][ ]*\()"
)
SENTENCE_END = re.compile(r"[.;!?|:,][ *_}]*$")
GENERIC = re.compile(
    r"(?:the )?(?:final )?(?:answers?|solutions?|proofs?|work|derivations?|parts?|steps?|conclusions?|explanations?|reasoning"
    r"|notes?|results?|figures?|code|plots?|"
    r"introduction|preamble|name|sid|student|collaborators|references|acknowledge?ments?|appendix|contents|table of contents|"
    r"(?:homework|hw|assignment)\b.*|eecs.*|cs\b.*|deep neural networks.*|write-?up|.*\bhomework\s*\d+.*)[ .:]*",
    re.IGNORECASE,
)
MATH = re.compile(r"\$\$[^$]{0,20000}?\$\$|\$[^$\n]{0,2000}?\$|\\\([^\n]{0,2000}?\\\)|\\\[[^\ue001]{0,20000}?\\\]", re.DOTALL)
