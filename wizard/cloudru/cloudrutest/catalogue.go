package cloudrutest

// Model is an entry of the simulated catalogue, in the API's own shape.
type Model struct {
	ID              string   `json:"id"`
	Object          string   `json:"object"`
	OwnedBy         string   `json:"owned_by"`
	ContextLength   int      `json:"context_length"`
	FunctionCalling bool     `json:"function_calling"`
	StructureOutput bool     `json:"structure_output"`
	Reasoning       bool     `json:"reasoning"`
	Metadata        Metadata `json:"metadata"`
}

// Metadata is what cloud.ru adds to an entry. Prices are roubles per million tokens.
type Metadata struct {
	Type                string   `json:"type"`
	Provider            string   `json:"provider"`
	IsBillable          bool     `json:"is_billable"`
	PromptTokensCost    float64  `json:"prompt_tokens_cost"`
	GeneratedTokensCost float64  `json:"generated_tokens_cost"`
	Endpoints           []string `json:"endpoints"`
}

// Catalogue returns what the simulator lists unless it is told otherwise: the models
// that cloud.ru hosted in September 2026 with their windows, models of others that it
// passes on, and entries that are no language models or cannot call functions.
// The prices, and the ids of the latter two groups, are invented.
func Catalogue() []Model {
	return []Model{
		inside("zai-org/GLM-5.1", 202_752, 120, 240),
		inside("zai-org/GLM-4.7", 202_752, 90, 180),
		inside("deepseek-ai/DeepSeek-V4-Pro", 1_048_576, 150, 300),
		inside("moonshotai/Kimi-K2.6", 262_144, 130, 260),
		inside("MiniMaxAI/MiniMax-M3", 524_288, 110, 220),
		inside("MiniMaxAI/MiniMax-M2.5", 196_608, 60, 120),
		inside("Qwen/Qwen3-Coder-Next", 262_144, 70, 140),
		inside("Qwen/Qwen3.5-397B-A17B", 262_144, 80, 160),
		inside("Qwen/Qwen3.6-35B-A3B", 262_144, 30, 60),
		inside("openai/gpt-oss-120b", 131_072, 15, 60),
		inside("ai-sage/GigaChat3.5-432B-A28B", 262_144, 100, 200),
		outside("anthropic/claude-opus-4.7", 200_000, 900, 4500),
		outside("anthropic/claude-sonnet-4.6", 200_000, 540, 2700),
		mute("t-tech/T-lite-it-2.1", 32_768),
		other("ai-sage/Giga-Embeddings-instruct-3B", "embedder", "/v1/embeddings"),
		other("BAAI/bge-reranker-v2-m3", "rerank", "/v1/rerank"),
		other("openai/whisper-large-v3", "audio", "/v1/audio/transcriptions"),
	}
}

const chatEndpoint = "/v1/chat/completions"

func inside(id string, context int, in, out float64) Model {
	return Model{
		ID: id, Object: "model", OwnedBy: "cloud.ru", ContextLength: context, FunctionCalling: true, StructureOutput: true,
		Metadata: Metadata{
			Type: "llm", Provider: "cloud.ru", IsBillable: true,
			PromptTokensCost: in, GeneratedTokensCost: out, Endpoints: []string{chatEndpoint},
		},
	}
}

func outside(id string, context int, in, out float64) Model {
	m := inside(id, context, in, out)
	m.OwnedBy, m.Metadata.Provider = "external", "external"
	return m
}

func mute(id string, context int) Model {
	m := inside(id, context, 5, 10)
	m.FunctionCalling = false
	return m
}

func other(id, kind, endpoint string) Model {
	m := inside(id, 8192, 2, 0)
	m.FunctionCalling = false
	m.Metadata.Type, m.Metadata.Endpoints = kind, []string{endpoint}
	return m
}
