package doctor

import (
	"math"
	"reflect"
	"testing"
)

// TestMarshalledChangesNothing: other checks read the same tree at the same time.
func TestMarshalledChangesNothing(t *testing.T) {
	tree := func() map[string]any {
		return map[string]any{"list": []any{1.5, math.Inf(1), map[string]any{"deep": math.Inf(-1)}}, "number": float64(30)}
	}
	v := tree()
	b, err := marshalled(v)
	if err != nil || string(b) != `{"list":[1.5,null,{"deep":null}],"number":30}` {
		t.Errorf("%s %v", b, err)
	}
	if !reflect.DeepEqual(v, tree()) {
		t.Errorf("it changed what it was given: %v", v)
	}
}
