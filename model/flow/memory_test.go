package flow

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// must parses an entry in ovs-ofctl syntax.
func must(t testing.TB, line string) Encoded {
	t.Helper()
	e, err := Parse(line, nil)
	if err != nil {
		t.Fatal(err)
	}
	return Encode(e)
}

func add(t testing.TB, line string) Change { return Change{Op: OpAdd, Flow: must(t, line)} }

func group(t testing.TB, op Op, line string) Change {
	t.Helper()
	g, err := ParseGroup(line, nil)
	if err != nil {
		t.Fatal(err)
	}
	return Change{Op: op, Group: &g}
}

// switchWith makes a switch with entries and groups in ovs-ofctl syntax.
func switchWith(t testing.TB, config SwitchConfig, lines ...string) *Switch {
	t.Helper()
	s := NewSwitch(config)
	var list []Change
	for _, line := range lines {
		if strings.HasPrefix(line, "group_id") {
			list = append(list, group(t, OpAdd, line))
		} else {
			list = append(list, add(t, line))
		}
	}
	if refused := s.Apply(list); refused != nil {
		t.Fatalf("refused: %v", refused)
	}
	return s
}

func TestAddModifyDelete(t *testing.T) {
	now := time.Unix(100, 0)
	s := switchWith(t, SwitchConfig{Now: func() time.Time { return now }}, "cookie=1,priority=5,in_port=1 actions=output:2")
	key := must(t, "priority=5,in_port=1 actions=drop").Key()
	if _, err := s.Execute(Input{Frame: make([]byte, 60), InPort: 1}); err != nil {
		t.Fatal(err)
	}
	check := func(what, entry string, added uint64, at time.Time, packets uint64) {
		t.Helper()
		want := EntryInfo{must(t, entry), added, at, packets}
		if got, ok := s.Info(key); !ok || got != want {
			t.Errorf("after %s: %s, %+v, want %+v", what, show(got.Entry), got, want)
		}
	}
	first := now
	check("add", "cookie=1,priority=5,in_port=1 actions=output:2", 1, first, 1)

	now = now.Add(time.Second)
	s.Apply([]Change{{Op: OpModify, Flow: must(t, "cookie=2,hard_timeout=9,send_flow_rem,priority=5,in_port=1 actions=output:3,goto_table:4")}})
	check("modify", "cookie=1,priority=5,in_port=1 actions=output:3,goto_table:4", 1, first, 1)

	s.Apply([]Change{add(t, "cookie=3,priority=5,in_port=1 actions=output:4")})
	check("add over it", "cookie=3,priority=5,in_port=1 actions=output:4", 3, now, 0)

	// What is not there is neither modified nor deleted, and that is no error. Another priority is another entry.
	if refused := s.Apply([]Change{
		{Op: OpModify, Flow: must(t, "priority=6,in_port=1 actions=output:3")},
		{Op: OpDelete, Flow: must(t, "priority=6,in_port=1 actions=output:3")},
		{Op: OpDelete, Flow: must(t, "priority=5 actions=output:3")},
	}); refused != nil {
		t.Errorf("refused: %v", refused)
	}
	if n := len(s.Tables().Flows); n != 1 {
		t.Errorf("%d entries", n)
	}
	s.Apply([]Change{{Op: OpDelete, Flow: must(t, "cookie=77,priority=5,in_port=1 actions=drop")}})
	if all := s.Tables(); len(all.Flows) != 0 {
		t.Errorf("still there: %v", all)
	}
	if got := s.Messages(); got != (Messages{Flow: 7}) {
		t.Errorf("counted %+v", got)
	}
}

func TestGroupsAndMetersTakeTheirEntriesAlong(t *testing.T) {
	s := NewSwitch(SwitchConfig{})
	if refused := s.Apply([]Change{
		{Op: OpAdd, Meter: &Meter{ID: 1, Rate: 10}},
		{Op: OpAdd, Meter: &Meter{ID: 2, Rate: 10}},
		group(t, OpAdd, "group_id=7,type=all,bucket=actions=output:1"),
		add(t, "priority=1 actions=group:7"),
		add(t, "priority=2 actions=meter:1,output:1"),
		add(t, "priority=3 actions=controller(meter_id=2),output:1"),
		add(t, "priority=4 actions=output:1"),
	}); refused != nil {
		t.Fatalf("refused: %v", refused)
	}
	priorities := func() (list []int) {
		for _, f := range s.Tables().Flows {
			list = append(list, int(f.Priority()))
		}
		return list
	}
	for _, tt := range []struct {
		change Change
		left   []int
	}{
		{Change{Op: OpDelete, Group: &Group{ID: 8}}, []int{1, 2, 3, 4}},
		{Change{Op: OpDelete, Meter: &Meter{ID: 2}}, []int{1, 2, 3, 4}}, // Open vSwitch keeps what only punts by it
		{Change{Op: OpDelete, Meter: &Meter{ID: 1}}, []int{1, 3, 4}},
		{Change{Op: OpDelete, Group: &Group{ID: 7}}, []int{3, 4}},
	} {
		if refused := s.Apply([]Change{tt.change}); refused != nil {
			t.Errorf("refused: %v", refused)
		}
		if got := priorities(); !slices.Equal(got, tt.left) {
			t.Errorf("left are %v, want %v", got, tt.left)
		}
	}
	if all := s.Tables(); len(all.Groups)+len(all.Meters) != 0 {
		t.Errorf("left: %v", all)
	}
}

// refusals are changes that a switch with group 1 and meter 1 refuses. Each is sent to Open vSwitch too, as far as
// ovs-ofctl can say it.
var refusals = []struct {
	line string
	want string
}{
	{"priority=1 actions=group:2", "OFPBAC_BAD_OUT_GROUP"},
	{"priority=1 actions=meter:2,output:1", "OFPMMFC_INVALID_METER"},
	{"table=254,priority=1 actions=drop", "OFPBRC_EPERM"},
	{"table=5,priority=1 actions=goto_table:5", "OFPBIC_BAD_TABLE_ID"},
	{"table=5,priority=1 actions=goto_table:4", "OFPBIC_BAD_TABLE_ID"},
	{"priority=1 actions=ANY", "OFPBAC_BAD_OUT_PORT"},
	{"priority=1 actions=set_field:10.0.0.1->ip_src", "OFPBAC_MATCH_INCONSISTENT"},
	{"priority=1,udp actions=set_field:5->tcp_src", "OFPBAC_MATCH_INCONSISTENT"},
	{"priority=1,arp actions=move:NXM_OF_IP_SRC[]->NXM_OF_ARP_SPA[]", "OFPBAC_MATCH_INCONSISTENT"},
	{"priority=1,arp actions=move:NXM_OF_ARP_SPA[]->NXM_OF_IP_SRC[]", "OFPBAC_MATCH_INCONSISTENT"},
	{"priority=1,ip actions=set_field:4097->vlan_vid", "OFPBAC_MATCH_INCONSISTENT"},
	{"priority=1,ip,dl_vlan=5 actions=pop_vlan,set_field:4097->vlan_vid", "OFPBAC_MATCH_INCONSISTENT"},
	{"priority=1,ip,dl_vlan=5 actions=push_vlan:0x8100,push_vlan:0x8100", "OFPBAC_BAD_TAG"},
	{"priority=1 actions=ct(table=5)", "OFPBAC_MATCH_INCONSISTENT"},
	{"priority=1,ip actions=ct(table=5,nat(src=10.0.0.1))", "OFPBAC_BAD_ARGUMENT"},
	{"priority=1 actions=check_pkt_larger(5)->OXM_OF_ETH_TYPE[0]", "OFPBAC_BAD_SET_ARGUMENT"},
	{"priority=1,ct_state=+trk,ip,ct_nw_proto=6 actions=drop", "OFPBMC_BAD_PREREQ"},
	{"priority=1,ct_state=-inv,ip,ct_nw_src=10.0.0.1 actions=drop", "OFPBMC_BAD_PREREQ"},
	{"priority=1,ct_nw_proto=6 actions=drop", "OFPBMC_BAD_PREREQ"},
	{"priority=1,ct_state=-inv+trk,ct_nw_src=10.0.0.1 actions=drop", "OFPBAC_MATCH_INCONSISTENT"},
	{"priority=1,ct_state=-inv+trk,arp,ct_nw_dst=10.0.0.1 actions=drop", "OFPBAC_MATCH_INCONSISTENT"},
	{"priority=1,tcp,nw_frag=later,tp_dst=80 actions=drop", "OFPBMC_BAD_PREREQ"},
	{"priority=1,udp,nw_frag=later actions=set_field:5->udp_dst", "OFPBAC_MATCH_INCONSISTENT"},
	{"priority=1,ct_state=+inv+trk,ip actions=ct(commit)", "OFPBAC_MATCH_INCONSISTENT"},
	{"priority=1,ip actions=ct(zone=NXM_OF_TCP_SRC[])", "OFPBAC_MATCH_INCONSISTENT"},
	{"priority=1,ip actions=move:NXM_NX_CT_NW_SRC[]->NXM_NX_REG0[]", "OFPBAC_MATCH_INCONSISTENT"},
	{"priority=1 actions=load:5->NXM_NX_CONJ_ID[0..7]", "OFPBAC_BAD_SET_ARGUMENT"},
	{"priority=1 actions=load:5->NXM_NX_CT_STATE[0..7]", "OFPBAC_BAD_SET_ARGUMENT"},
	{"priority=1,ip actions=load:1->NXM_NX_IP_FRAG[0]", "OFPBAC_BAD_SET_ARGUMENT"},
	{"group_id=1,type=all,bucket=actions=output:1", "OFPGMFC_GROUP_EXISTS"},
	{"meter=1 pktps bands=type=drop rate=10", "OFPMMFC_METER_EXISTS"},
}

func change(t *testing.T, line string) Change {
	t.Helper()
	switch {
	case strings.HasPrefix(line, "group_id"):
		return group(t, OpAdd, line)
	case strings.HasPrefix(line, "meter"):
		m, err := ParseMeter(line)
		if err != nil {
			t.Fatal(err)
		}
		return Change{Op: OpAdd, Meter: &m}
	}
	return add(t, line)
}

func TestRefusals(t *testing.T) {
	s := NewSwitch(SwitchConfig{})
	s.Apply([]Change{change(t, "meter=1 pktps bands=type=drop rate=10"), change(t, "group_id=1,type=all,bucket=actions=output:1")})
	before := s.Tables()
	for _, tt := range refusals {
		got := s.Apply([]Change{change(t, tt.line)})
		if len(got) != 1 || !strings.HasPrefix(got[0].Reason, tt.want+" (type ") {
			t.Errorf("%s: %v, want %s", tt.line, got, tt.want)
		}
	}
	for name, tt := range map[string]struct {
		change Change
		want   string
	}{
		"prerequisite":           {Change{Op: OpAdd, Flow: Encode(Entry{Match: Match{Exact(ARPSPA, 1)}})}, "OFPBMC_BAD_PREREQ"},
		"prerequisite by mask":   {Change{Op: OpAdd, Flow: Encode(Entry{Match: Match{Masked(VLANVID, 0x5, 0xfff), Exact(VLANPCP, 1)}})}, "OFPBMC_BAD_PREREQ"},
		"protocol":               {Change{Op: OpAdd, Flow: Encode(Entry{Match: Match{Exact(EthType, etherIPv4), Exact(IPProto, 6), Exact(UDPSrc, 1)}})}, "OFPBMC_BAD_PREREQ"},
		"mask":                   {Change{Op: OpAdd, Flow: Encode(Entry{Match: Match{Masked(InPort, 1, 1)}})}, "OFPBMC_BAD_MASK"},
		"operation of ARP":       {Change{Op: OpAdd, Flow: Encode(Entry{Match: Match{Exact(EthType, etherARP), Exact(ARPOp, 0x100)}})}, "OFPBMC_BAD_VALUE"},
		"table 255":              {Change{Op: OpAdd, Flow: Encode(Entry{Table: 255})}, "OFPFMFC_BAD_TABLE_ID"},
		"port 0":                 {Change{Op: OpAdd, Flow: Encode(Entry{Apply: []Action{Output{}}})}, "OFPBAC_BAD_OUT_PORT"},
		"read-only field":        {Change{Op: OpAdd, Flow: Encode(Entry{Apply: []Action{SetField{EthType, 5, 0xffff}}})}, "OFPBAC_BAD_SET_ARGUMENT"},
		"move beyond the field":  {Change{Op: OpAdd, Flow: Encode(Entry{Apply: []Action{Move{EthSrc, EthDst, 49}}})}, "OFPBAC_BAD_ARGUMENT"},
		"move of nothing":        {Change{Op: OpAdd, Flow: Encode(Entry{Apply: []Action{Move{EthSrc, EthDst, 0}}})}, "OFPBAC_BAD_ARGUMENT"},
		"unlimited punt":         {Change{Op: OpAdd, Flow: Encode(Entry{Apply: []Action{Punt{100, 9}}})}, "OFPMMFC_INVALID_METER"},
		"tag without presence":   {Change{Op: OpAdd, Group: &Group{5, [][]Action{{PushVLAN{}, SetField{VLANVID, 5, 0x1fff}}}}}, "OFPBAC_BAD_SET_ARGUMENT"},
		"in_port in part":        {Change{Op: OpAdd, Flow: Encode(Entry{Apply: []Action{SetField{InPort, 1, 3}}})}, "OFPBAC_BAD_SET_ARGUMENT"},
		"in_port of 17 bits":     {Change{Op: OpAdd, Flow: Encode(Entry{Apply: []Action{SetField{InPort, 0x10000, InPort.AllOnes()}}})}, "OFPBAC_BAD_SET_ARGUMENT"},
		"ct to no table":         {Change{Op: OpAdd, Flow: Encode(Entry{Match: Match{Exact(EthType, etherIPv4)}, Apply: []Action{Conntrack{Next: 254}}})}, "OFPBAC_BAD_ARGUMENT"},
		"ct to no address":       {Change{Op: OpAdd, Flow: Encode(Entry{Match: Match{Exact(EthType, etherIPv4)}, Apply: []Action{Conntrack{Commit: true, NAT: NATSource}}})}, "OFPBAC_BAD_ARGUMENT"},
		"ct with NAT, no table":  {Change{Op: OpAdd, Flow: Encode(Entry{Match: Match{Exact(EthType, etherIPv4)}, Apply: []Action{Conntrack{NAT: NATKnown, Next: NoTable}}})}, "OFPBAC_BAD_ARGUMENT"},
		"ct with zone of 8 bits": {Change{Op: OpAdd, Flow: Encode(Entry{Match: Match{Exact(EthType, etherIPv4)}, Apply: []Action{Conntrack{ZoneFrom: IPTTL}}})}, "OFPBAC_BAD_ARGUMENT"},
		"fragments of no IP":     {Change{Op: OpAdd, Flow: Encode(Entry{Match: Match{Exact(IPFrag, 3)}})}, "OFPBMC_BAD_PREREQ"},
		"ports of no protocol":   {Change{Op: OpAdd, Flow: must(t, "ct_state=-inv+trk,ip,ct_tp_dst=80 actions=drop")}, "OFPBMC_BAD_PREREQ"},
		"ct_nw_proto 0":          {Change{Op: OpAdd, Flow: must(t, "ct_state=-inv+trk,ip,ct_nw_proto=0 actions=drop")}, "OFPBMC_BAD_PREREQ"},
		"conj_id in part":        {Change{Op: OpAdd, Flow: Encode(Entry{Match: Match{Masked(ConjunctionID, 1, 1)}})}, "OFPBMC_BAD_MASK"},
		"conjunction of one":     {Change{Op: OpAdd, Flow: must(t, "actions=conjunction(7,1/1)")}, "NXBAC_BAD_CONJUNCTION"},
		"conjunction of 65":      {Change{Op: OpAdd, Flow: must(t, "actions=conjunction(7,1/65)")}, "NXBAC_BAD_CONJUNCTION"},
		"clause 0":               {Change{Op: OpAdd, Flow: must(t, "actions=conjunction(7,0/2)")}, "NXBAC_BAD_CONJUNCTION"},
		"clause 3 of 2":          {Change{Op: OpAdd, Flow: must(t, "actions=conjunction(7,3/2)")}, "NXBAC_BAD_CONJUNCTION"},
		"conjunction and output": {Change{Op: OpAdd, Flow: must(t, "actions=conjunction(7,1/2),output:1")}, "NXBAC_BAD_CONJUNCTION"},
		"output and conjunction": {Change{Op: OpAdd, Flow: must(t, "actions=output:1,conjunction(7,1/2)")}, "NXBAC_BAD_CONJUNCTION"},
		"conjunction and goto":   {Change{Op: OpAdd, Flow: must(t, "actions=conjunction(7,1/2),goto_table:3")}, "NXBAC_BAD_CONJUNCTION"},
		"conjunction, metadata":  {Change{Op: OpAdd, Flow: must(t, "actions=conjunction(7,1/2),write_metadata:3")}, "NXBAC_BAD_CONJUNCTION"},
		"conjunction and meter":  {Change{Op: OpAdd, Flow: must(t, "actions=meter:1,conjunction(7,1/2)")}, "NXBAC_BAD_CONJUNCTION"},
		"no such NAT":            {Change{Op: OpAdd, Flow: Encode(Entry{Match: Match{Exact(EthType, etherIPv4)}, Apply: []Action{Conntrack{NAT: 3}}})}, "OFPFMFC_UNKNOWN"},
		"larger into no bit":     {Change{Op: OpAdd, Flow: Encode(Entry{Apply: []Action{CheckLarger{5, Reg0, 32}}})}, "OFPBAC_BAD_ARGUMENT"},
		"pointer in a bucket":    {Change{Op: OpAdd, Group: &Group{5, [][]Action{{&Output{Port: 1}}}}}, "OFPBAC_BAD_TYPE"},
		"reserved group":         {Change{Op: OpAdd, Group: &Group{ID: 0xffffff01}}, "OFPGMFC_INVALID_GROUP"},
		"modify unknown group":   {Change{Op: OpModify, Group: &Group{ID: 5}}, "OFPGMFC_UNKNOWN_GROUP"},
		"modify unknown meter":   {Change{Op: OpModify, Meter: &Meter{ID: 5}}, "OFPMMFC_UNKNOWN_METER"},
		"meter 0":                {Change{Op: OpAdd, Meter: &Meter{}}, "OFPMMFC_INVALID_METER"},
		"garbage":                {Change{Op: OpAdd, Flow: "garbage"}, "OFPFMFC_UNKNOWN"},
		"no operation":           {Change{Flow: Encode(guardEntry)}, "OFPFMFC_BAD_COMMAND"},
		"nothing":                {Change{Op: OpAdd}, "change of 0 things"},
		"two things":             {Change{Op: OpAdd, Flow: Encode(guardEntry), Meter: &Meter{ID: 9}}, "change of 2 things"},
		"unknown meter, modify":  {Change{Op: OpModify, Flow: Encode(Entry{Meter: 9})}, "OFPMMFC_INVALID_METER"},
		"IPv6, which is not yet": {Change{Op: OpAdd, Flow: Encode(Entry{Match: Match{Exact(EthType, etherIPv6), Exact(IPProto, 6)}})}, "OFPBMC_BAD_PREREQ"},
	} {
		if got := s.Apply([]Change{tt.change}); len(got) != 1 || !strings.HasPrefix(got[0].Reason, tt.want) {
			t.Errorf("%s: %v, want %s", name, got, tt.want)
		}
	}
	if after := s.Tables(); !reflect.DeepEqual(before, after) {
		t.Errorf("refused changes changed %v to %v", before, after)
	}
}

func TestRefusalsOfOpenVSwitch(t *testing.T) {
	o := startOpenVSwitch(t)
	o.ofctl("add-meter", "br0", "meter=1 pktps bands=type=drop rate=10")
	o.ofctl("add-group", "br0", "group_id=1,type=all,bucket=actions=output:1")
	for _, tt := range refusals {
		verb, _, _ := strings.Cut(tt.line, "=")
		verb = map[string]string{"group_id": "add-group", "meter": "add-meter"}[verb]
		if verb == "" {
			verb = "add-flow"
		}
		// ovs-ofctl tells of errors in its output, and some it finds itself, with the same code as the switch.
		out, _ := o.try("ovs-ofctl", "-OOpenFlow13", "--timeout=20", verb, "br0", tt.line)
		if !strings.Contains(out, tt.want) {
			t.Errorf("%s: Open vSwitch says %s, want %s", tt.line, out, tt.want)
		}
	}
}

// A standard switch knows nothing of Nicira.
func TestStandardSwitch(t *testing.T) {
	s := NewSwitch(SwitchConfig{Standard: true})
	if refused := s.Apply([]Change{
		add(t, "priority=1,arp,metadata=1/3,arp_spa=10.0.0.1 actions=set_field:2->arp_op,set_field:5->tun_id,IN_PORT"),
		group(t, OpAdd, "group_id=1,type=all,bucket=actions=output:1"),
		group(t, OpAdd, "group_id=2,type=all,bucket=actions=group:1"),
	}); refused != nil {
		t.Fatalf("refused: %v", refused)
	}
	for line, want := range map[string]string{
		"priority=1,tun_src=1.1.1.1 actions=drop":                       "OFPBMC_BAD_FIELD",
		"priority=1,ip,nw_ttl=1 actions=drop":                           "OFPBMC_BAD_FIELD",
		"priority=1,tcp,tp_dst=0x10/0xf0 actions=drop":                  "OFPBMC_BAD_MASK",
		"priority=1 actions=resubmit(,5)":                               "OFPBAC_BAD_EXPERIMENTER",
		"priority=1 actions=move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[]":    "OFPBAC_BAD_EXPERIMENTER",
		"priority=1 actions=load:1->NXM_OF_ETH_SRC[0..3]":               "OFPBAC_BAD_EXPERIMENTER",
		"priority=1 actions=controller(max_len=100,meter_id=1)":         "OFPBAC_BAD_EXPERIMENTER",
		"priority=1 actions=set_field:1.1.1.1->tun_dst":                 "OFPBAC_BAD_SET_TYPE",
		"priority=1,reg0=5 actions=drop":                                "OFPBMC_BAD_FIELD",
		"priority=1,ip,nw_frag=later actions=drop":                      "OFPBMC_BAD_FIELD",
		"priority=1,conj_id=5 actions=drop":                             "OFPBMC_BAD_FIELD",
		"priority=1,ct_state=+trk actions=drop":                         "OFPBMC_BAD_FIELD",
		"priority=1 actions=conjunction(7,1/2)":                         "OFPBAC_BAD_EXPERIMENTER",
		"priority=1 actions=set_field:0->in_port":                       "OFPBAC_BAD_SET_TYPE",
		"priority=1 actions=set_field:5->reg1":                          "OFPBAC_BAD_SET_TYPE",
		"priority=1 actions=check_pkt_larger(5)->OXM_OF_METADATA[0]":    "OFPBAC_BAD_EXPERIMENTER",
		"priority=1,ip actions=ct(table=5)":                             "OFPBAC_BAD_EXPERIMENTER",
		"priority=1 actions=set_field:5->metadata":                      "OFPBAC_BAD_SET_TYPE",
		"group_id=3,type=all,bucket=actions=group:9":                    "OFPBAC_BAD_OUT_GROUP",
		"group_id=3,type=all,bucket=actions=set_field:1.1.1.1->tun_dst": "OFPBAC_BAD_SET_TYPE",
	} {
		if got := s.Apply([]Change{change(t, line)}); len(got) != 1 || !strings.HasPrefix(got[0].Reason, want) {
			t.Errorf("%s: %v, want %s", line, got, want)
		}
	}
	if got := s.Apply([]Change{{Op: OpDelete, Group: &Group{ID: 1}}}); len(got) != 1 || !strings.HasPrefix(got[0].Reason, "OFPGMFC_CHAINED_GROUP") {
		t.Errorf("deletion of a group that another refers to: %v", got)
	}
	if got := s.ApplyAtomic([]Change{add(t, "priority=9 actions=drop")}); len(got) != 1 || !strings.HasPrefix(got[0].Reason, "OFPBRC_BAD_EXPERIMENTER") {
		t.Errorf("bundle: %v", got)
	}
}

func TestInjectedRefusal(t *testing.T) {
	bad := must(t, "priority=2 actions=drop")
	s := NewSwitch(SwitchConfig{Refuse: func(c Change) error {
		if c.Flow == bad {
			return errors.New("as ordered")
		}
		return nil
	}})
	list := []Change{add(t, "priority=1 actions=drop"), {Op: OpAdd, Flow: bad}, add(t, "priority=3 actions=drop")}
	want := []Refusal{{1, "as ordered"}}
	if got := s.ApplyAtomic(list); !slices.Equal(got, want) || len(s.Tables().Flows) != 0 {
		t.Errorf("%v, %v", got, s.Tables())
	}
	if got := s.Apply(list); !slices.Equal(got, want) || len(s.Tables().Flows) != 2 {
		t.Errorf("%v, %v", got, s.Tables())
	}
}

func TestAtomicRefusesMeters(t *testing.T) {
	s := NewSwitch(SwitchConfig{})
	got := s.ApplyAtomic([]Change{add(t, "priority=1 actions=drop"), {Op: OpAdd, Meter: &Meter{ID: 1}}, {Op: OpAdd, Meter: &Meter{ID: 2}}})
	if len(got) != 2 || got[0].Index != 1 || got[1].Index != 2 || !strings.HasPrefix(got[0].Reason, "OFPBFC_MSG_UNSUP") {
		t.Errorf("%v", got)
	}
	if all := s.Tables(); len(all.Flows)+len(all.Meters) != 0 {
		t.Errorf("%v", all)
	}
}

// Whatever a refused bundle did is taken back: contents, what entries say of themselves, and what packets meet.
func TestAtomicIsAllOrNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawRapid(t)
		d.narrow = true
		s := NewSwitch(SwitchConfig{})
		all := d.world(30)
		s.Apply(all.changes())
		before := s.Tables()
		info := map[Key]EntryInfo{}
		for _, f := range before.Flows {
			info[f.Key()], _ = s.Info(f.Key())
		}

		var list []Change
		for range d.int(1, 20) {
			c := Change{Op: Op(d.int(1, 3)), Flow: Encode(d.entry(uint8(d.int(0, 2)), uint16(d.int(0, 30))))}
			switch d.int(0, 4) {
			case 0:
				c = Change{Op: OpDelete, Group: &Group{ID: uint32(d.int(1, worldGroups))}}
			case 1:
				g := d.group(uint32(d.int(1, worldGroups)))
				c = Change{Op: OpModify, Group: &g}
			case 2:
				c.Flow = pick(d, before.Flows...)
			}
			list = append(list, c)
		}
		list = append(list, Change{Op: OpAdd, Flow: Encode(Entry{Apply: []Action{ToGroup{99}}})})
		refused := s.ApplyAtomic(list)
		if len(refused) != 1 {
			t.Fatalf("refusals %v", refused)
		}
		if after := s.Tables(); !reflect.DeepEqual(after, before) {
			t.Fatalf("before %v\nafter %v", before, after)
		}
		for k, want := range info {
			if got, _ := s.Info(k); got != want {
				t.Fatalf("%+v was %+v", got, want)
			}
		}
		fresh := NewSwitch(SwitchConfig{})
		fresh.Apply(before.changes())
		for range 10 {
			in := Input{Frame: d.packet(), InPort: 1}
			want, wantErr := fresh.Execute(in)
			got, err := s.Execute(in)
			if !errors.Is(err, wantErr) || !reflect.DeepEqual(got, want) {
				t.Fatalf("%x: %+v, %v; a fresh switch does %+v, %v", in.Frame, got, err, want, wantErr)
			}
		}
	})
}

// lookup finds what a search through all entries finds.
func TestLookup(t *testing.T) {
	for seed := range 50 {
		d := drawSeed(seed)
		d.narrow = true
		s := NewSwitch(SwitchConfig{})
		s.Apply(d.world(300).changes())
		flows := s.Tables().Flows
		for range d.int(0, 200) { // and after deletions
			s.Apply([]Change{{Op: OpDelete, Flow: pick(d, flows...)}})
		}
		for range 20 {
			p, _ := parse(d.packet())
			for _, f := range []Field{InPort, Metadata, TunnelID, TunnelSrc, TunnelDst} {
				p.values[f] = d.value(f)
			}
			for table := range uint8(worldTables) {
				var want *installed
				for _, f := range s.flows {
					matches := f.entry.Table == table
					for _, m := range f.entry.Match {
						matches = matches && p.values[m.Field]&m.Mask == m.Value
					}
					if matches && (want == nil || f.entry.Priority > want.entry.Priority) {
						want = f
					}
				}
				if got := s.tables[table].lookup(&p.values); got != want {
					t.Fatalf("table %d: %v, want %v", table, got, want)
				}
			}
		}
	}
}

// largeSwitch has entries as a node with many ports has: few sets of masks, many entries.
func largeSwitch(b testing.TB, entries int) *Switch {
	s := NewSwitch(SwitchConfig{})
	var list []Change
	for i := range entries {
		mac := fmt.Sprintf("fa:16:3e:%02x:%02x:%02x", i>>16, i>>8&0xff, i&0xff)
		list = append(list, add(b, fmt.Sprintf("table=0,priority=100,dl_src=%s actions=goto_table:1", mac)),
			add(b, fmt.Sprintf("table=1,priority=100,metadata=0/0xffffff,dl_dst=%s actions=output:%d", mac, i%1000+1)))
	}
	s.Apply(list)
	return s
}

func BenchmarkExecute10000(b *testing.B) {
	s := largeSwitch(b, 5000)
	var frames [][]byte
	for i := range 1000 {
		mac := appendNumber(nil, 0xfa163e000000+uint64(i), 6)
		frames = append(frames, slices.Concat(mac, mac, []byte{8, 6}, make([]byte, 50)))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if r, err := s.Execute(Input{Frame: frames[i%len(frames)], InPort: 2000}); err != nil || len(r.Emissions) != 1 {
			b.Fatal(r, err)
		}
	}
}

func BenchmarkApply10000(b *testing.B) {
	all := largeSwitch(b, 5000).Tables()
	list := all.changes()
	b.ReportAllocs()
	for b.Loop() {
		NewSwitch(SwitchConfig{}).Apply(list)
	}
}
