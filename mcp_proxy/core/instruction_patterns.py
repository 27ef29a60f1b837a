"""How texts speak to a model: patterns, each with the words without which it cannot match.

A pattern is tried where the text holds a word of each of its groups; it is searched in lower case.
The patterns find the plain attack, in a dozen languages; whoever words it otherwise is not found.
"""

from typing import NamedTuple


class Pattern(NamedTuple):
    """`groups`: words, apart by blanks, one of each group being in every text that matches."""

    groups: tuple[str, ...]
    regex: str


# What holds these encodes "instruction", "ignore" or the like: base64 (lower case, at any of its
# three alignments), hex.
IN_BASE64 = ("nstruction", "gnore all", "gnore prev", "gnore the", "ystem prompt", "isregard")
IN_HEX = ("69676e6f7265", "696e737472756374696f6e")

_GAP = r"[^.!?]{0,60}?"
_EARLIER = (
    r"(?:previous|prior|above|earlier|preceding|former|original|initial|all|any|every|your|other"
    r"|system|existing|these|those|safety)"
)
_ORDERS = (
    r"(?:instruct\w*|prompts?|rules?|guidelines?|directives?|directions|commands?|polic(?:y|ies)"
    r"|constraints?|restrictions?|programming|training|guardrails?|safeguards?)"
)
_MODEL = (
    r"(?:ai|llms?|(?:large )?language models?|assistants?|agents?|ai (?:agents?|assistants?"
    r"|models?|systems?)|chatbots?|copilots?|chatgpt)"
)
_HOARD = (
    r"(?:conversation|chat history|message history|system prompt|secrets|credentials"
    r"|api[ _-]?keys?|passwords?|(?:access |auth )?tokens?|private keys?|ssh keys?"
    r"|environment variables?|context window|memory|files)"
)
_OURS = r"(?:all|your|the user'?s|their|any|every|full|entire|complete|whole|this|these|the)"

_ORDER_WORDS = (
    "instruct instructed instruction instructions prompt prompts rule rules guideline guidelines"
    " directive directives directions command commands policy policies constraint constraints"
    " restriction restrictions programming training guardrail guardrails safeguard safeguards"
    " above previous prior before told know"
)
_VERB_WORDS = (
    "ignore ignoring ignored ignores disregard disregarding forget forgetting override overriding"
    " bypass bypassing follow following obey obeying"
)
_MODEL_WORDS = (
    "ai llm llms assistant assistants agent agents model models chatbot chatbots copilot copilots"
    " chatgpt"
)
_TOOL_WORDS = "tool tools function functions command"

_TAG_WORDS = (
    "tool_result tool_results tool_response tool_output tool_call tool_calls tool_use call"
    " function_result function_results function_call function_calls invoke important tool_code"
    " instruction instructions new_instruction new_instructions"
)
_YES_WORDS = (
    "approval asking confirming confirm confirmation permission waiting approve authorize"
    " authorise approved preapproved authorized authorised"
)
_SEND_WORDS = (
    "send post upload forward mail email exfiltrate transmit leak submit append include paste"
)
_HOARD_WORDS = (
    "conversation history prompt secrets credentials key keys password passwords token"
    " tokens variables window memory files"
)
_HEAD_WORDS = (
    "new updated revised hidden secret real actual override important attention urgent"
    " critical end begin beginning"
)
_TOPIC_WORDS = (
    "instruction instructions prompt message input output result response data content"
    " using calling answering responding continuing doing before when " + _MODEL_WORDS
)
_FORGET_WORDS = (
    "ignora ignorad ignore ignorez ignorer ignorieren ignoriere ignoriert ignorare ignorate"
    " olvida olvide olvidad descarta descarte vergiss vergesst vergessen missachte"
    " missachten missachtet oublie oubliez oublier dimentica dimenticate dimentichi esqueça"
    " esqueca esqueçam negeer vergeet ignoruj zignoruj zapomnij"
)
_RULES_WORDS = (
    "instrucciones indicaciones órdenes ordenes reglas anweisungen anweisung instruktionen"
    " vorgaben regeln befehle instructions consignes règles regles istruzioni regole"
    " indicazioni instruções instrucoes regras comandos instructies regels opdrachten"
    " instrukcje instrukcji polecenia poleceń zasady zasad"
)

PATTERNS = (
    Pattern(
        (_VERB_WORDS, _ORDER_WORDS),
        rf"\b(?:ignor(?:e|ing)|disregard(?:ing)?|forget(?:ting)?|do not (?:follow|obey)"
        rf"|stop (?:following|obeying))\b(?={_GAP}\b{_EARLIER}\b)[^.!?]{{0,120}}?\b{_ORDERS}\b"
        r"|\b(?:overrid\w*|bypass\w*) (?:\w+ ){0,2}?(?:your|safety|system|content|security)\b"
        rf"[^.!?]{{0,40}}?\b{_ORDERS}\b"
        r"|\b(?:ignore|disregard|forget) (?:all |everything )?(?:(?:of )?the |that |what )?"
        r"(?:came before|you were told|you have been told|(?:above|previous|prior)"
        r"(?:\W*$|[.,;:!]| and | text| messages?))",
    ),
    Pattern(
        ("system assistant developer human admin administrator instruction instructions",),
        r"(?m)^\W*(?:system|assistant|developer|admin(?:istrator)?)(?: prompt| message| note"
        r"| override| instructions?| update| notice| alert)?\W{0,4}:\W*(?:you|ignore|disregard"
        r"|from now|new|the (?:user|assistant|model|ai)|please|always|never|do not|don't|your|call"
        r"|use|send|override|for the rest|understood|sure)\b"
        r"|\bsystem (?:prompt|override|instructions?)\s*:|^(?:human|assistant):"
        r"|<(?:system|assistant|developer|human|admin|instructions?)>\s*[^\s<]+(?:\s+[^\s<]+){3}"
        r"|</?system[-_](?:prompt|reminder|message)>"
        r"|<\|(?:system|assistant)\|>",
    ),
    Pattern(
        ("im_start im_end eot_id start_header_id endoftext start_of_turn inst sys",),
        r"<\|(?:im_start|im_end|eot_id|start_header_id|endoftext)\|>|<start_of_turn>|\[/?inst\]"
        r"|<</?sys>>",
    ),
    Pattern(
        (_TAG_WORDS,),
        r"</?(?:tool_(?:results?|response|output|calls?|use)|function_(?:results?|calls?)|invoke"
        r"|antml:\w{1,20}|important|new_instructions?)\b[^>]{0,200}>"
        r"|\"(?:method|type)\"\s*:\s*\"(?:tools/call|tool_use|tool_calls?|function_call)\""
        r"|\"(?:tool_calls|function_call)\"\s*:"
        r"|<tool_code>|^```tool_code\b"
        r"|\A(?:tools/call|tool_use|tool_calls|function_call|tool_result)\Z",
    ),
    Pattern(
        ("call invoke execute run use", _TOOL_WORDS),
        r"\b(?:you (?:must|should|need to|have to|will)|now|immediately|please|instead,?|first,?"
        r"|next,?|then|also|required:|action:) (?:then |also |now |immediately |first )?"
        r"(?:call|invoke|execute|run|use) (?:the |your |this )?[`'\"]?[\w.-]{2,64}[`'\"]?"
        r" (?:tool|function|command)\b"
        r"|\b(?:call|invoke|execute) (?:the|your|any|every|all|another) (?:available )?"
        r"(?:\w+[ -]){0,3}(?:tool|function)s? (?:with|now|immediately)\b",
    ),
    Pattern(
        ("call invoke execute",),
        r"\b(?:call|invoke|execute) (?:the (?:tool|function) )?[`'\"]?[a-z]{2,20}_[a-z_]{2,40}"
        r"[`'\"]?(?:\(| (?:with|tool|function|now)\b)",
    ),
    Pattern(
        (_MODEL_WORDS,),
        rf"\b(?:if|when|since|because|as) (?:you are|you're) (?:an?|the) (?:\w+ )?{_MODEL}\b"
        rf"|\b(?:dear|hello|hi|hey|attention|note to|notice to|message (?:to|for)|memo to"
        rf"|instructions? (?:to|for)|for (?:any|all|the)|to (?:any|all|the)) (?:all |any |the "
        rf"|every |this )?(?:\w+ )?{_MODEL}\b(?:\s*[:,!]| (?:reading|processing|summari[sz]ing"
        r"|handling|that|who|must|should|please))"
        rf"|\b{_MODEL} (?:reading|processing|summari[sz]ing|handling) this\b"
        rf"|\b(?:the )?{_MODEL} (?:must|should|shall|has to|needs to) (?:now |always |never |also "
        r"|immediately |first )?(?:call|ignore|send|respond|reply|tell|say|run|use|execute|follow"
        r"|not (?:tell|mention|inform)|include|output|recommend|forward|transfer|delete)\b",
    ),
    Pattern(
        ("you", "now longer"),
        r"\byou are (?:now|no longer) (?!able|eligible|subscribed|logged|signed|registered"
        r"|connected|a (?:member|customer|subscriber)|entitled|enrolled|covered|being|charged|on)"
        r"|\bfrom now on,? (?:you|always|never|respond|answer|act|reply|every)\b",
    ),
    Pattern(
        ("act pretend roleplay developer jailbreak jailbroken anything god",),
        r"\b(?:act|pretend|roleplay) (?:as|to be|you are|that you)\b[^.]{0,40}\b(?:ai|assistant"
        r"|dan|model|admin\w*|root|developer|unrestricted|restrictions?|filters?|jailbr\w+)\b"
        r"|\bdeveloper mode (?:is |now )?(?:on|enabled|active)\b|\bjailbr(?:oken|eak mode)"
        r"|\bdo anything now\b|\bgod mode (?:is |now )?(?:on|enabled|active)\b",
    ),
    Pattern(
        ("not don never without avoid need", "user users human humans operator operators"),
        r"\b(?:do not|don'?t|never|without|avoid|no need to) (?:\w+ ){0,3}?(?:tell|inform|mention"
        r"|reveal|notify|ask|show|alert|warn|report|disclos|confirm|consult)\w*\b"
        r"[^.!?]{0,40}\b(?:user|human|operator)s?\b",
    ),
    Pattern(
        ("user human", "approved authorized authorised consented granted permitted agreed"),
        r"\b(?:user|human) (?:has |have )?(?:already |just |explicitly |previously )?"
        r"(?:approved|authori[sz]ed|consented|granted|permitted|pre-?approved|agreed)\b"
        r"[^.!?]{0,40}\b(?:call|tool|action|request|access|operation|refund|transfer"
        r"|transaction|payment|deletion|further|future|this|everything)s?\b",
    ),
    Pattern(
        (_YES_WORDS,),
        r"\b(?:proceed|continue|go ahead|act|do (?:this|so|it)) (?:\w+ ){0,3}?without (?:asking"
        r"|confirm\w*|approval|permission|waiting|further (?:confirmation|approval))\b"
        r"|\bno (?:further |additional |user |human )?(?:approval|confirmation|permission)"
        r" (?:is |are )?(?:needed|required|necessary)\b[^.!?]{0,60}\b(?:call|tool|proceed"
        r"|continue|agent|assistant|you)\b"
        r"|\b(?:type|enter|reply|answer) \W?\w+\W? to (?:confirm|approve|authori[sz]e)\b"
        r"|\b(?:this|the) (?:tool )?(?:call|action|operation) (?:is|was|has been)"
        r" (?:pre-?)?(?:approved|authori[sz]ed)\b",
    ),
    Pattern(
        (
            _SEND_WORDS,
            _HOARD_WORDS,
        ),
        r"\b(?:send|post|upload|forward|e-?mail|exfiltrate|transmit|leak|submit|append|include"
        rf"|paste)\b[^.!?]{{0,60}}?\b{_OURS} (?:\w+ ){{0,3}}?{_HOARD}\b[^!?]{{0,80}}?(?:"
        r"\bto (?:the |this |our |https?|\S{1,64}@)|https?://|\S@\S|\binto the\b|\bin the (?:next"
        r"|url|query|request|body|message|response|memo)\b|\bas (?:a|the) (?:parameter|query))",
    ),
    Pattern(
        (
            "reveal print repeat output show display disclose recite dump",
            "prompt instructions rules secrets credentials key keys above",
        ),
        r"\b(?:reveal|print|repeat|output|show|display|disclose|recite|dump)\b[^.!?]{0,30}?"
        r"\b(?:your (?:\w+ ){0,2}(?:prompt|instructions|rules|secrets|credentials|api keys?)"
        r"|(?:the|all) (?:system|initial|hidden|secret) (?:prompt|instructions)"
        r"|(?:everything|the (?:words|text)) above)\b",
    ),
    Pattern(
        (
            _HEAD_WORDS,
            _TOPIC_WORDS,
        ),
        r"\b(?:new|updated|revised|hidden|secret|real|actual|override) (?:system )?instructions?\b"
        rf"\s*(?::|for (?:\w+ )?{_MODEL}\b|from (?:the )?(?:system|developer|admin|user)\b)"
        r"|\b(?:important|attention|urgent|critical)\W{1,4}(?:before (?:you |using |calling"
        r"|answering|responding|continuing|doing)|when (?:using|calling|answering)"
        rf"|(?:to |for )?(?:all |the |any )?{_MODEL}\b)"
        r"|\bend of (?:the )?(?:system prompt|prompt|instructions|user (?:input|message)"
        r"|tool (?:output|result|response)|untrusted (?:data|content|input))\b"
        r"|\bbegin(?:ning of)? (?:the )?(?:system|new|real|admin) (?:prompt|instructions)\b",
    ),
    Pattern(
        ("http https",),
        r"!\[[^\]\n]{0,200}\]\(\s{0,4}<?https?://[^)\s]{0,2000}?(?:[{<$\[]|%7b|[?&](?!x-amz-|sig|hash)[\w.-]{0,40}="
        r"(?:[\w%+/=-]{24}|data|secret|prompt|history|conversation|context|token|your|the_))",
    ),
    Pattern(
        ("img",),
        r"<img\b[^>]{0,500}?\bsrc\s{0,4}=\s{0,4}[\"']?https?://[^\"'>\s]{0,2000}?(?:[{$\[]|%7b"
        r"|[?&][\w.-]{0,40}=(?:[\w%+/=-]{24}|data|secret|prompt|history|conversation|context"
        r"|token))",
    ),
    Pattern(("mcp mcpx mcp_proxy mcpproxy",), r"\bmcp[\W_]?proxy\b|\bmcpx-"),
    Pattern(
        ("i", "g", "n", "o", "r", "e"), r"\bi(?P<gap>[^a-z0-9]{1,3})g(?P=gap)n(?P=gap)o(?P=gap)r"
    ),
    # In ROT13, and backwards.
    Pattern(("vafgehpgvba vafgehpgvbaf noitcurtsni snoitcurtsni",), r"\bvafgehpgvba|noitcurtsni\b"),
    Pattern(
        ("1gnore ign0re ignor3 1gn0re 1gnor3 ign0r3 1gn0r3 i9nore 1nstructions instruct1ons",),
        r"\b[1i][9g]n[0o]r[3e]\b|\b[1i]nstruct[1i][0o]n",
    ),
    Pattern(
        (
            _FORGET_WORDS,
            _RULES_WORDS,
        ),
        r"\b(?:z?ignor\w*|olvid\w*|descart\w*|vergiss|vergesst|vergessen|missacht\w*|oubli\w*"
        r"|diment\w*|esque[cç]\w*|negeer|vergeet|zapomnij)\b[^.!?]{0,60}?\b(?:instrucciones"
        r"|indicaciones|[oó]rdenes|reglas|anweisung\w*|instruktion\w*|vorgaben|regeln|befehle"
        r"|instructions|consignes|r[eè]gles|istruzioni|regole|indicazioni|instru[cç][oõ]es|regras"
        r"|comandos|instructies|regels|opdrachten|instrukcj\w*|polece\w*|zasad\w*)\b",
    ),
    Pattern(
        ("talimatları talimatlari talimatlarını talimatlarini",),
        r"\btalimat\w*[^.!?]{0,60}?(?:yok say|unut|g[oö]rmezden gel|dikkate alma)",
    ),
)

# In scripts of their own: what is in every text that matches, and the pattern.
FOREIGN = (
    (
        ("игнор", "забуд", "обращай"),
        r"(?:игнорир\w*|забуд\w*|не обращай\w*)[^.!?]{0,60}?(?:инструкц|указани|правил|команд)",
    ),
    (
        ("忽略", "无视", "無視", "忘记", "忘記"),
        r"(?:忽略|无视|無視|忘记|忘記)[^。！？]{0,20}(?:指令|指示|提示|规则|規則|命令|说明)",
    ),
    (
        ("忽略", "无视", "無視", "忘れ", "従わ"),
        r"(?:指令|指示|命令|プロンプト|ルール)[^。！？]{0,20}(?:忽略|无视|無視|忘れ|従わ)",
    ),
    (("무시", "잊"), r"(?:지시|명령|프롬프트|규칙|지침)[^.]{0,20}(?:무시|잊)"),
    (("تجاهل",), r"تجاهل[^.]{0,40}(?:تعليمات|التعليمات|الأوامر|القواعد)"),
    (("अनदेखा", "नज़रअंदाज़"), r"(?:निर्देश|आदेश)[^।]{0,40}(?:अनदेखा|नज़रअंदाज़)"),
)
