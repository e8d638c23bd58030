package ui

// saidRussian are the words for errors that operators meet often, under said.<id>.
var saidRussian = map[string]string{ //nolint:gosec // G101: words about secrets, not secrets
	// Errors that operators meet often, and what is being done before them.
	"said.no-such-option":    "«{0}» — нет такого варианта, есть: {1}",
	"said.no-models-to-keep": "пока нет моделей, которые можно оставить",
	"said.no-such-file":      "файла {0} нет",
	"said.no-such-part":      "«{0}» — нет такой части защиты: all, none или некоторые из {1}",
	"said.bad-port":          "«{0}» — не порт: нужно число от 1 до 65535",
	"said.bad-days":          "«{0}» — не число дней от 0 до {1}",
	"said.invisible":         "содержит управляющие или невидимые символы",
	"said.too-long":          "длиннее {0} {0:символа|символов|символов}",
	"said.port-taken":        "порт {0} на 127.0.0.1 занят другой программой",
	"said.digest-form":       "digest образа «{0}»: нужны sha256: и 64 шестнадцатеричные цифры в нижнем регистре",
	"said.image-reference":   "имя образа «{0}»",
	"said.address":           "адрес «{0}»",
	"said.not-https":         "должен начинаться с https://",
	"said.no-address":        "это не адрес",
	"said.no-date":           "«{0}» — не дата (2026-11-22), не время (2026-11-22T14:00:00Z) и не возраст (36h, 7d)",
	"said.no-number":         "«{0}» — не номер записи",
	"said.no-setup":          "на этом компьютере ничего не установлено: нет {0}",
	"said.no-journal":        "в {0} нет журнала",
	"said.proving-key":       "проверка ключа моделью {0} на {1}",
	"said.listing-models":    "список моделей {0}",
	"said.api-wrong_key":     "cloud.ru отказал этому ключу{0}",
	"said.api-not_connected": "модель не подключена к проекту ключа{0}",
	"said.api-unknown_model": "неизвестная модель{0}",
	"said.api-rate_limited":  "API пока не принимает новых запросов{0}",
	"said.api-server":        "сбой на стороне API{0}",
	"said.api-network":       "до API не достучаться{0}",
	"said.api-timeout":       "API не ответил вовремя{0}",
}
