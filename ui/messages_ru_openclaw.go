package ui

// openclawRussian are the messages about OpenClaw's own configuration.
var openclawRussian = map[string]string{ //nolint:gosec // G101: words about secrets, not secrets
	"q.hardening.title": "Какие части самой OpenClaw защитить?",
	"q.hardening.help": "all, none или несколько из gateway, channels, tools, browser, plugins, skills, sessions, logging. То, что направляет агента через прокси без инструментов, действует всегда.\n" +
		"gateway: только loopback, токен, ограничения, без веб-хуков, заданий по времени и объявлений в сети (S-01).\n" +
		"channels: незнакомцы — по списку или с подтверждением, чаты не меняют настройки (gap 12).\n" +
		"tools: собственные инструменты OpenClaw выключены, мало субагентов (E-02).\n" +
		"browser: выключен, без скриптов и частной сети (gap 13, 14).\n" +
		"plugins: без чужих приложений и хуков (gap 5, 15).\n" +
		"skills: без встроенных и загруженных, новые ждут вашего решения (gap 8, 9).\n" +
		"sessions: беседа видит только себя, без записей и без платного heartbeat (gap 17, I-03).\n" +
		"logging: только предупреждения, аудит без сообщений (I-02, R-01).\n" +
		"Ваши более строгие значения остаются.",
	"q.conflicts.title":             "В вашем openclaw.json иначе. Что оставить?",
	"q.conflicts.help":              "keep оставляет ваши значения там, где речь только о защите; они перечислены в setup.yaml, и больше о них не спросят (--conflicts спросит снова). То, что нужно агенту, заменяется в любом случае. Откат вернёт ваши значения.",
	"option.conflicts.keep":         "оставить мои, где агент без этого обойдётся",
	"option.conflicts.replace":      "заменить все",
	"note.openclaw-conflict":        "{0} сейчас {1}, с защитой было бы {2} ({3})",
	"note.openclaw-conflict-needed": "{0} сейчас {1}; агенту нужно {2} ({3})",
	"note.openclaw-replaced":        "ваше значение в openclaw.json заменяется: {0} было {1}, станет {2} ({3})",
	"note.openclaw-kept":            "ваше значение в openclaw.json остаётся: {0}",
	"note.openclaw-unknown-keys":    "в OpenClaw {0} нет этих ключей, они пропущены: {1}",
	"note.openclaw-hardening":       "сама OpenClaw защищена частично: {0}",

	"q.managed-settings.title":       "Ограничить все программы Claude Code на этой машине?",
	"q.managed-settings.help":        "yes записывает настройки администратора: ни у одного пользователя этой машины Claude Code больше не имеет инструментов, хуков и серверов MCP, что бы ни говорили его настройки (угроза E-02). Для машины, которая не делает ничего другого. Адреса там нет: у других пользователей он прежний.",
	"option.managed-settings.no":     "no: только ту, которую запускает OpenClaw",
	"option.managed-settings.yes":    "yes: все, у всех пользователей",
	"note.managed-needs-root":        "писать в {0} может только root",
	"note.managed-settings":          "Claude Code у всех пользователей этой машины теряет инструменты, хуки и серверы MCP",
	"why.file-managed-settings":      "отнимает инструменты, хуки и серверы MCP у всех Claude Code этой машины",
	"flag.managed-settings":          "все Claude Code этой машины без инструментов: no или yes; нужен root",
	"hint.managed-root":              "Запустите clawsetup init от root, если OpenClaw работает от root, или оставьте no: у Claude Code, которую запускает OpenClaw, инструментов нет в любом случае.",
	"note.openclaw-outgrown":         "OpenClaw теперь {0} и не принимает написанное для {1}: сейчас всё будет записано заново",
	"review.why":                     "зачем: {0}",
	"why.openclaw.shell-env":         "переменные оболочки, в том числе с ключами, не подхватываются",
	"why.openclaw.secret-provider":   "токены выдаёт clawsetup: в этом файле секретов нет",
	"why.openclaw.base-url":          "запросы идут в локальный прокси, по точному адресу",
	"why.openclaw.provider":          "как обращаться к прокси и какие у него модели",
	"why.openclaw.secret-ref":        "токен запрашивается, а не хранится здесь",
	"why.openclaw.model":             "выбранные вами модели и одна запасная",
	"why.openclaw.model-policy":      "других моделей запросить нельзя",
	"why.openclaw.utility-model":     "заголовки и сводки не идут мимо прокси",
	"why.openclaw.timeout":           "ход вместе со всеми повторами укладывается в срок",
	"why.openclaw.plugin":            "наш бэкенд запускает Claude Code с постоянными аргументами и без инструментов",
	"why.openclaw.plugin-allow":      "в ваш список разрешённых плагинов добавлен наш",
	"why.openclaw.deny-anthropic":    "никакого Claude Code без наших аргументов и никакого публичного API",
	"why.openclaw.claude-config":     "Claude Code видит наши настройки, а не пользовательские",
	"why.openclaw.backend":           "Claude Code по полному пути, с постоянными аргументами и без инструментов",
	"why.openclaw.gateway":           "защита, gateway: только эта машина, с токеном и без лишнего",
	"why.openclaw.channels":          "защита, channels: без незнакомцев и без настройки из чатов",
	"why.openclaw.tools":             "защита, tools: собственные инструменты OpenClaw выключены",
	"why.openclaw.browser":           "защита, browser: выключен",
	"why.openclaw.plugins":           "защита, plugins: без чужих приложений и хуков",
	"why.openclaw.skills":            "защита, skills: никаких, кроме проверенных вами",
	"why.openclaw.sessions":          "защита, sessions: беседы не видят друг друга",
	"why.openclaw.logging":           "защита, logging: записывается мало, и без сообщений",
	"why.file-claude-launcher":       "запускает Claude Code только с нужными переменными, без остальных",
	"note.openclaw-builtin":          "встроенный контракт передаёт переменные Claude Code: кто может положить файл .env в папку, из которой запускают OpenClaw, тот решает, что она выполнит (S-02, E-02); контракт plugin — нет",
	"q.section.title":                "Что изменить?",
	"q.section.help":                 "Настройка уже есть. repair оставляет все ответы и исправляет посторонние правки; раздел спрашивает только о себе; all проходит по всем ответам.\nВ любом случае ключ проверяется, образ сверяется и файлы сравниваются заново. До последнего шага ничего не записывается.",
	"option.section.repair":          "ничего: исправить посторонние правки",
	"option.section.all":             "пройти все ответы",
	"option.section.key":             "ключ API",
	"option.section.models":          "модели",
	"option.section.secrets":         "где хранятся секреты",
	"option.section.image":           "образ прокси",
	"option.section.agent":           "порт, OpenClaw, Claude Code",
	"flag.section":                   "если настройка уже есть, спросить только об этом: repair (ни о чём), all, key, models, secrets, image или agent",
	"note.answer-fell":               "прежний ответ больше не годится: {0}",
	"note.drift-not-checked":         "правили ли файлы, не проверено: журнал не читается",
	"screen.left":                    "{0} {0:вопрос|вопроса|вопросов}, около {1} {1:минуты|минут|минут}. До последнего шага ничего не записывается.",
	"note.openclaw-contract-plugin":  "openclaw.json написан для {0} с нашим бэкендом (plugin): с 2026.8 cliBackends не принимается",
	"note.openclaw-contract-builtin": "openclaw.json написан для {0} с её бэкендом claude-cli (builtin)",
	"note.openclaw-contract-legacy":  "openclaw.json написан для {0} с cliBackends (legacy): бэкендов плагинов она не знает",
	"note.drift-unreadable":          "правили ли {0}, не проверено: файл не читается",
}
