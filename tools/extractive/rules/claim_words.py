"""The words that comparing two statements goes by, in the languages that search has rules for.

All are in lower case and without accents, as :func:`ingest.search.text.words` gives them.
"""

_NUMBERS = """
zero null
one
two zwei deux dos dois duas
three drei trois tres
four vier quatre cuatro quatro
five funf cinq cinco
six sechs seis
seven sieben sept siete sete
eight acht huit ocho oito
nine neun neuf nueve nove
ten zehn dix diez dez
eleven elf onze once
twelve zwolf douze doce doze
"""  # a line for each
NUMBERS = {word: float(n) for n, forms in enumerate(_NUMBERS.strip().splitlines()) for word in forms.split()}

_UNITS = {
    "minute": "minute minutes minuten minuto minutos min 分 分钟",
    "hour": "hour hours stunde stunden heure heures hora horas 時間 小时 小時",
    "day": "day days tag tage tagen jour jours dia dias 日 日間 天 urlaubstag urlaubstage",
    "week": "week weeks woche wochen semaine semaines semana semanas 週 週間 周 星期",
    "month": "month months monat monate monaten mois mes meses mois ヶ月 か月 カ月 个月",
    "year": "year years jahr jahre jahren an ans annee annees ano anos 年 年間",
    "percent": "percent prozent % pour-cent 割 パーセント",
    "euro": "euro euros eur €",
    "dollar": "dollar dollars usd dolares dolar $",
    "pound": "pound pounds gbp £",
    "yen": "yen 円 jpy",
    "yuan": "yuan 元 cny",
    "person": "person persons people personen personne personnes persona personas pessoa pessoas 人 名",
    "time": "time times mal fois vez vezes veces 回 次",
    "character": "character characters zeichen caractere caracteres 文字 字符 位",
}
UNITS = {word: unit for unit, forms in _UNITS.items() for word in forms.split()}

# Words that are stop words for a search, but make another statement of one.
_CONDITIONS_WORDS = """
after before without if only under over until off when while once early late more most same different unless
except during tomorrow nach vor ohne unter uber wenn wahrend mehr zwischen nur apres avant sans sous pendant si
plus moins antes sin durante bajo mas menos depois apos sem sob mais se
"""
CONDITIONS = frozenset(_CONDITIONS_WORDS.split())

_NEGATIONS_WORDS = """
no not never cannot none nobody neither nor nicht kein keine keinen keiner keinem nie niemals ne pas jamais
aucun aucune nunca jamas ningun ninguna nao nenhum nenhuma
"""
NEGATIONS = frozenset(_NEGATIONS_WORDS.split())
NEGATED_IN_CJK = ("ません", "ない", "禁止", "不", "没有", "未", "勿")
_ALLOWED_WORDS = """
allowed permitted erlaubt gestattet autorise autorisee autorises autorisees permis permise permitido permitida
permitidos permitidas
"""
ALLOWED = frozenset(_ALLOWED_WORDS.split())
_FORBIDDEN_WORDS = """
forbidden prohibited banned disallowed verboten untersagt interdit interdite interdits interdites prohibido
prohibida prohibidos prohibidas proibido proibida proibidos proibidas
"""
FORBIDDEN = frozenset(_FORBIDDEN_WORDS.split())

AT_LEAST = (
    "at least|a minimum of|minimum|not less than|no less than|no fewer than|not fewer than|mindestens|wenigstens"
    "|au moins|au minimum|al menos|como minimo|por lo menos|pelo menos|no minimo"
)
AT_MOST = (
    "up to|at most|a maximum of|maximum|not more than|no more than|no longer than|not exceed|within|hochstens"
    "|bis zu|maximal|jusqu'a|au plus|au maximum|hasta|como maximo|a lo sumo|ate|no maximo"
)
RANGE = "to|and|until|bis|a|y|hasta|ate|-|–|—|~|〜|～|至|到|から"

# Whom a company's rules are about if they name nobody in particular, and what says that something is so.
_SAYING_LITTLE_WORDS = """
employee employees staff colleague colleagues team member members people person worker workers everyone
everybody company workplace firm per calendar annually yearly annum entitled entitlement receive receives
received grant granted grants offer offers offered provide provides provided available total paid full whole
amount amounts currently please note you'll you're we'll kindly usually normally generally mitarbeiter
mitarbeitende mitarbeitenden mitarbeiterin mitarbeiterinnen beschaftigte beschaftigten angestellte angestellten
firma unternehmen pro jahrlich kalenderjahr anspruch erhalten erhalt bekommt betragt stehen steht insgesamt
derzeit aktuell bezahlt bezahlte bezahlten employe employes salarie salaries collaborateur collaborateurs
entreprise societe chaque annuel beneficie beneficient beneficier recoit recoivent dispose disposent droit
empleado empleados trabajador trabajadores empresa compania anual recibe reciben derecho dispone disponen
funcionario funcionarios colaborador colaboradores trabalhador trabalhadores recebe recebem direito tem
"""
SAYING_LITTLE = frozenset(_SAYING_LITTLE_WORDS.split())

# What titles and headings call a page, whatever it is about.
_NAMING_A_PAGE_WORDS = """
policy policies guide guides guideline guidelines handbook manual faq faqs question questions answer answers
frequently asked overview summary page rule rules regulation regulations benefit benefits perk perks welcome
checklist information info general introduction intro basics hr human resources wiki note notes reference terms
conditions detail details current version update updated new internal official document docs time off hours
holidays holiday onboarding office life culture start started getting first richtlinie richtlinien leitfaden
handbuch uberblick ubersicht regel regeln regelung regelungen merkblatt hinweise haufige fragen personal
allgemein allgemeines willkommen leistungen betriebsvereinbarung politique politiques manuel apercu regle regles
reglement frequentes generalites avantages rh bienvenue livret accueil guia politica politicas resumen normas
norma reglamento preguntas frecuentes beneficios generales rrhh bienvenida resumo regulamento perguntas gerais
bem-vindo
"""
NAMING_A_PAGE = frozenset(_NAMING_A_PAGE_WORDS.split())
# What folders are called that are not about a place or a group of people.
_NAMING_A_FOLDER_WORDS = """
archive archived old legacy drafts main master content docs pages src static website site intranet confluence
notion drive share shared common people company legal compliance public private files en de fr es pt ja zh md
html
"""
NAMING_A_FOLDER = NAMING_A_PAGE | frozenset(_NAMING_A_FOLDER_WORDS.split())
_NAMING_IN_CJK = (
    "規程 規定 規則 ガイド 手引き 概要 について 従業員 社員 指南 政策 制度 规定 手册 概览 员工 年間 毎年 每年"
)
NAMING_IN_CJK = tuple(_NAMING_IN_CJK.split())

_MONTHS = """
january jan januar janner janvier enero janeiro
february feb februar fevrier febrero fevereiro
march mar marz mars marzo marco
april apr avril abril
may mai mayo maio
june jun juni juin junio junho
july jul juli juillet julio julho
august aug aout agosto
september sept sep septembre septiembre setembro
october oct oktober okt octobre octubre outubro
november nov novembre noviembre novembro
december dec dezember dez decembre diciembre dezembro
"""  # a line for each
MONTHS = {word: n for n, forms in enumerate(_MONTHS.strip().splitlines(), start=1) for word in forms.split()}
