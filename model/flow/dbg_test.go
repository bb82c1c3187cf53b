package flow
import ("testing";"fmt";hx "encoding/hex")
func TestDbg(t *testing.T){
	all := world(240).Example(0)
	s := NewSwitch(SwitchConfig{}); s.Apply(all.changes())
	b, err := hx.DecodeString("fa163e000001fa163e00000108060001080006040003fa163e0000020a000002fa163e0000020a0000015a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a")
	if err != nil { t.Fatal(err) }
	r, err := s.Execute(Input{Frame: b, InPort: 2})
	fmt.Println(err, len(r.Steps), r.ports()); if len(r.Steps)>40 {r.Steps=r.Steps[:40]}; fmt.Println(steps(r))
}
