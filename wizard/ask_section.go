package wizard

import (
	"context"
	"slices"
)

// What a run on a set-up that is there may change, beside one of the steps.
const (
	// sectionRepair changes no answer: what was edited is put right.
	sectionRepair = "repair"
	// sectionAll goes through every answer.
	sectionAll = "all"
)

// SectionNames are the values of --section.
func SectionNames() []string {
	return []string{sectionRepair, sectionAll, string(StepKey), string(StepModels), string(StepSecrets), string(StepImage), string(StepAgent)}
}

func buildSection(_ context.Context, s *InitSession, q *Question) error {
	s.section = ""
	q.Default = sectionRepair
	for _, name := range SectionNames() {
		q.Options = append(q.Options, Option{Value: name})
	}
	return nil
}

func acceptSection(_ context.Context, s *InitSession, a Answer) error {
	if err := formSection(s, a.Value); err != nil {
		return err
	}
	s.section = a.Value
	return nil
}

// stands tells whether the present answer to a question is to be kept without asking.
func (s *InitSession) stands(d question) bool {
	return s.section != "" && s.section != sectionAll && s.section != string(d.step)
}

// standing is the answer that a question starts from, where that is one.
func (q *Question) standing() (Answer, bool) {
	disabled := slices.ContainsFunc(q.Options, func(o Option) bool { return o.Value == q.Default && o.Disabled })
	if q.Default == "" || disabled {
		return Answer{}, false
	}
	if q.Kind == SecretText {
		return Answer{}, true
	}
	return Answer{Value: q.Default}, true
}

// conditional are questions that most runs never come to.
var conditional = []string{"cosign-key", "conflicts"}

// Left implements Session.
func (s *InitSession) Left() int {
	n := 0
	for _, d := range initQuestions {
		given := s.given.Values[d.id] != "" || d.kind == SecretText && !s.given.Key.IsZero()
		if !s.has(d.id) && !d.expert && !given && !slices.Contains(conditional, d.id) && !s.stands(d) && !d.skip(s) {
			n++
		}
	}
	return n
}
