package strict

import (
	"slices"
	"strings"
	"testing"

	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/southbound/openflow/tablefeatures"
)

// small is a switch of two tables that can do less than the standard: 0 matches in_port, vlan_vid, eth_type, eth_dst with a mask and ipv4_dst without;
// 1 matches vlan_vid and eth_dst, and both must be there.
func small() Config {
	both := flow.EntryFeatures{Can: flow.CanApply | flow.CanOutput | flow.CanGroup | flow.CanPushVLAN | flow.CanPopVLAN | flow.CanSetField, Set: []flow.Field{flow.VLANVID}}
	first, second := both, both
	first.Can |= flow.CanGoto | flow.CanMeter
	first.Next = []uint8{1}
	return Config{
		DatapathID: 5, Ports: Ports(5, 4), Meters: 2, Groups: GroupLimits{All: 2, Indirect: 1},
		Tables: []flow.TableFeatures{
			{
				ID: 0, MaxEntries: 3, Entry: first, Miss: flow.EntryFeatures{Can: flow.CanGoto, Next: []uint8{1}},
				Match: []flow.FieldFeature{
					{Field: flow.InPort}, {Field: flow.VLANVID}, {Field: flow.EthType}, {Field: flow.EthDst, Masked: true}, {Field: flow.IPv4Dst},
					{Field: flow.VLANPCP}, {Field: flow.IPProto}, {Field: flow.IPDSCP}, {Field: flow.ARPTPA, Masked: true},
				},
				Wildcards: []flow.Field{
					flow.InPort, flow.VLANVID, flow.EthType, flow.EthDst, flow.IPv4Dst, flow.VLANPCP, flow.IPProto, flow.IPDSCP, flow.ARPTPA,
				},
			},
			{ID: 1, MaxEntries: 100, Match: []flow.FieldFeature{{Field: flow.VLANVID}, {Field: flow.EthDst}}, Entry: second, Miss: flow.EntryFeatures{Can: flow.CanApply | flow.CanOutput}},
		},
	}
}

// TestFlowModRefusals: each of these flow-mods gets the error that OpenFlow 1.3.5, 7.4.4 has for it, and changes nothing.
func TestFlowModRefusals(t *testing.T) {
	s, k := accept(t, small())
	const vlanAndMAC = vlan10 + "80000606 020000000001"
	for name, c := range map[string]struct {
		mod  mod
		want refusal
	}{
		"table that is not there":     {mod{table: 2}, flowTable},
		"all tables":                  {mod{table: 255}, flowTable},
		"unknown command":             {mod{command: 5}, flowCommand},
		"unknown flag":                {mod{flags: 1 << 5}, flowFlags},
		"buffer":                      {mod{buffer: 1}, bufferUnknown},
		"field of Nicira's":           {mod{match: "00010004 00000001"}, matchField},
		"field of an experimenter's":  {mod{match: "ffff0008 00002320 00000001"}, matchField},
		"field of the packet's class": {mod{match: "80010004 00000001"}, matchField},
		"unknown field":               {mod{match: "80007a04 00000001"}, matchField},
		"field not declared":          {mod{match: "80000806 020000000001"}, matchField},
		"metadata not declared":       {mod{match: "80000408 0000000000000001"}, matchField},
		"mask not declared":           {mod{match: ipv4 + "80001908 0a000000 ff000000"}, matchMask},
		"mask that cannot be":         {mod{match: "80000108 00000001 0000ffff"}, matchMask},
		"value outside of the mask":   {mod{match: "8000070c 020000000001 010000000000"}, matchWildcards},
		"no prerequisite":             {mod{match: "80001804 0a000001"}, matchPrerequisite},
		"prerequisite behind":         {mod{match: "80001804 0a000001" + ipv4}, matchPrerequisite},
		"prerequisite of another":     {mod{match: "80000a02 0806 80001804 0a000001"}, matchPrerequisite},
		"prerequisite of ARP":         {mod{match: ipv4 + "80002e04 0a000001"}, matchPrerequisite},
		"priority without a tag":      {mod{match: "80000c02 0000 80000e01 01"}, matchPrerequisite},
		"field twice":                 {mod{match: inPort1 + inPort1}, matchDuplicate},
		"DSCP of 7 bits":              {mod{match: ipv4 + "80001001 7f"}, matchValue},
		"VLAN id without presence":    {mod{match: "80000c02 000a"}, matchValue},
		"field cut short":             {mod{match: "80000004 0001"}, matchLength},
		"field of another length":     {mod{match: "80000002 0001"}, matchLength},
		"masked field without a mask": {mod{match: "80000706 020000000001"}, matchLength},
		"no wildcard for eth_dst":     {mod{table: 1, priority: 5, match: vlan10}, matchWildcards},
		"no wildcards at all":         {mod{table: 1, priority: 1}, matchWildcards},

		"instruction of an experimenter":  {mod{instructions: "ffff 0008 00002320"}, instructionExperimenter},
		"unknown instruction":             {mod{instructions: "0009 0008 00000000"}, instructionUnknown},
		"write-actions":                   {mod{priority: 1, instructions: "0003 0008 00000000"}, instructionUnsupported},
		"clear-actions":                   {mod{priority: 1, instructions: "0005 0008 00000000"}, instructionUnsupported},
		"instruction twice":               {mod{priority: 1, instructions: goto1 + goto1}, instructionUnsupported},
		"instruction of no length":        {mod{priority: 1, instructions: "0001 0000 01 000000"}, instructionLength},
		"instruction too long":            {mod{priority: 1, instructions: "0001 0010 01 000000 0000000000000000"}, instructionLength},
		"instruction beyond the end":      {mod{priority: 1, instructions: "0004 0010 00000000"}, instructionLength},
		"half an instruction":             {mod{priority: 1, instructions: "0001 0008"}, instructionLength},
		"write-metadata":                  {mod{priority: 1, instructions: "0002 0018 00000000 0000000000000001 0000000000000001"}, instructionUnsupported},
		"goto where none is declared":     {mod{table: 1, priority: 1, match: vlanAndMAC, instructions: "0001 0008 00 000000"}, instructionUnsupported},
		"goto itself":                     {mod{priority: 1, instructions: "0001 0008 00 000000"}, instructionTable},
		"goto where no table is":          {mod{priority: 1, instructions: "0001 0008 02 000000"}, instructionTable},
		"unknown meter":                   {mod{priority: 1, instructions: meter1}, meterInvalid},
		"meter 0":                         {mod{priority: 1, instructions: "0006 0008 00000000"}, meterInvalid},
		"meter where none is declared":    {mod{table: 1, priority: 1, match: vlanAndMAC, instructions: meter1}, instructionUnsupported},
		"actions where the miss has none": {mod{instructions: apply(output1)}, instructionUnsupported},

		"port that is not there":       {mod{priority: 1, instructions: apply("0000 0010 00000005 0000 000000000000")}, actionPort},
		"port 0":                       {mod{priority: 1, instructions: apply("0000 0010 00000000 0000 000000000000")}, actionPort},
		"NORMAL":                       {mod{priority: 1, instructions: apply("0000 0010 fffffffa 0000 000000000000")}, actionPort},
		"FLOOD":                        {mod{priority: 1, instructions: apply("0000 0010 fffffffb 0000 000000000000")}, actionPort},
		"TABLE":                        {mod{priority: 1, instructions: apply("0000 0010 fffffff9 0000 000000000000")}, actionPort},
		"controller with an odd limit": {mod{priority: 1, instructions: apply("0000 0010 fffffffd fff0 000000000000")}, actionArgument},
		"short output":                 {mod{priority: 1, instructions: apply("0000 0008 00000001")}, actionLength},
		"action of no length":          {mod{priority: 1, instructions: apply("0012 0000 00000000")}, actionLength},
		"action beyond the end":        {mod{priority: 1, instructions: apply("0012 0010 00000000")}, actionLength},
		"Nicira's action":              {mod{priority: 1, instructions: apply("ffff 0010 00002320 0001 000000000000")}, actionExperimenter},
		"copy-ttl":                     {mod{priority: 1, instructions: apply("000b 0008 00000000")}, actionType},
		"set-queue":                    {mod{priority: 1, instructions: apply("0015 0008 00000001")}, actionType},
		"dec-ttl not declared":         {mod{priority: 1, match: ipv4, instructions: apply(decTTL)}, actionType},
		"push of another tag":          {mod{priority: 1, instructions: apply("0011 0008 88a8 0000")}, actionArgument},
		"pop of no tag":                {mod{priority: 1, instructions: apply(popVLAN)}, refusal{2, 10}},
		"VLAN id of no tag":            {mod{priority: 1, instructions: apply(setVLAN10)}, refusal{2, 10}},
		"set-field not declared":       {mod{priority: 1, instructions: apply("0019 0010 80000606 020000000001 0000")}, actionSetType},
		"set-field of Nicira's":        {mod{priority: 1, instructions: apply("0019 0010 00010004 00000001 00000000")}, actionSetType},
		"set-field of in_port":         {mod{priority: 1, instructions: apply("0019 0010 80000004 00000001 00000000")}, actionSetType},
		"set-field with a mask":        {mod{priority: 1, match: vlan10, instructions: apply("0019 0010 80000d04 100a 1fff 00000000")}, actionSetType},
		"set-field of another length":  {mod{priority: 1, match: vlan10, instructions: apply("0019 0010 80000c04 0000100a 00000000")}, actionSetLength},
		"set-field of 14 bits":         {mod{priority: 1, match: vlan10, instructions: apply("0019 0010 80000c02 300a 000000000000")}, actionSetArgument},
		"VLAN id without presence set": {mod{priority: 1, match: vlan10, instructions: apply("0019 0010 80000c02 000a 000000000000")}, actionSetArgument},
		"unknown group":                {mod{priority: 1, instructions: apply(toGroup9)}, refusal{2, 9}},
	} {
		if got := k.refusal(typeFlowMod, c.mod.body(t)); got != c.want {
			t.Errorf("%s: error %v, want %v", name, got, c.want)
		}
	}
	for name, c := range map[string]struct {
		body string
		want refusal
	}{
		"cut short":    {strings.Repeat("00", 40), badLength},
		"OpenFlow 1.0": {strings.Repeat("00", 24) + strings.Repeat("ff", 12) + "00000000" + "0000000000000000", matchType},
		"match beyond": {strings.Repeat("00", 24) + strings.Repeat("ff", 12) + "00000000" + "0001001000000000", matchLength},
	} {
		if got := k.refusal(typeFlowMod, unhex(t, c.body)); got != c.want {
			t.Errorf("%s: error %v, want %v", name, got, c.want)
		}
	}
	if n := len(s.Tables().Flows); n != 0 {
		t.Errorf("%d entries", n)
	}
	if len(s.Refusals()) < 20 {
		t.Errorf("refusals %v", s.Refusals())
	}
}

// TestTableFull: as many entries as were promised, and not one more, but others may take their places.
func TestTableFull(t *testing.T) {
	s, k := accept(t, small())
	for i := range uint16(3) {
		k.must(typeFlowMod, mod{priority: i + 1, match: inPort1}.body(t))
	}
	if got := k.refusal(typeFlowMod, mod{priority: 4}.body(t)); got != tableFull {
		t.Errorf("error %v", got)
	}
	k.must(typeFlowMod, mod{priority: 2, match: inPort1, instructions: apply(output2)}.body(t)) // in the place of one
	k.must(typeFlowMod, mod{command: flowDeleteStrict, priority: 1, match: inPort1}.body(t))
	k.must(typeFlowMod, mod{priority: 4}.body(t))
	if s.Entries(0) != 3 {
		t.Errorf("%d entries", s.Entries(0))
	}
}

func TestOverlap(t *testing.T) {
	_, k := accept(t, small())
	k.must(typeFlowMod, mod{priority: 5, match: inPort1}.body(t))
	for _, c := range []struct {
		mod  mod
		want refusal
	}{
		{mod{priority: 5, match: vlan10, flags: checkOverlap}, flowOverlap},
		{mod{priority: 5, match: inPort1 + vlan10, flags: checkOverlap}, flowOverlap},
		{mod{priority: 5, match: "80000004 00000002", flags: checkOverlap}, refusal{}},
		{mod{priority: 6, match: vlan10, flags: checkOverlap}, refusal{}},
	} {
		if got := k.refusal(typeFlowMod, c.mod.body(t)); got != c.want {
			t.Errorf("%+v: error %v", c.mod, got)
		}
	}
}

// bucket is a bucket of a group.
func bucket(weight uint16, watch uint32, actions []byte) []byte {
	b := put16(put16(nil, uint16(16+len(actions))), weight)
	return append(put32(put32(put32(b, watch), anyGroup), 0), actions...)
}

func groupBody(command uint16, kind uint8, id uint32, buckets ...[]byte) []byte {
	return append(put32(append(put16(nil, command), kind, 0), id), slices.Concat(buckets...)...)
}

func TestGroupModRefusals(t *testing.T) {
	_, k := accept(t, small())
	one := bucket(0, anyPort, unhex(t, output1))
	k.must(typeGroupMod, groupBody(0, groupAll, 1, one, bucket(0, anyPort, unhex(t, popVLAN+output2))))
	for _, c := range []struct {
		name string
		body []byte
		want refusal
	}{
		{"there already", groupBody(0, groupAll, 1, one), refusal{6, 0}},
		{"modify of none", groupBody(1, groupAll, 7, one), refusal{6, 8}},
		{"select", groupBody(0, 1, 2, one), groupType},
		{"fast failover", groupBody(0, 3, 2, one), groupType},
		{"unknown type", groupBody(0, 9, 2, one), groupType},
		{"unknown command", groupBody(3, groupAll, 2, one), groupCommand},
		{"reserved number", groupBody(0, groupAll, 0xfffffffc, one), groupInvalid},
		{"indirect with two buckets", groupBody(0, groupIndirect, 2, one, one), groupInvalid},
		{"indirect without a bucket", groupBody(0, groupIndirect, 2), groupInvalid},
		{"weight", groupBody(0, groupAll, 2, bucket(1, anyPort, unhex(t, output1))), groupWeight},
		{"watched port", groupBody(0, groupAll, 2, bucket(0, 1, unhex(t, output1))), groupWatch},
		{"half a bucket", groupBody(0, groupAll, 2, one[:12]), groupBucket},
		{"bucket beyond the end", groupBody(0, groupAll, 2, append([]byte{0, 64}, one[2:]...)), groupBucket},
		{"group in a group", groupBody(0, groupAll, 2, bucket(0, anyPort, unhex(t, "0016 0008 00000001"))), groupChaining},
		{"action not declared", groupBody(0, groupAll, 2, bucket(0, anyPort, unhex(t, decTTL))), actionType},
		{"Nicira's action", groupBody(0, groupAll, 2, bucket(0, anyPort, unhex(t, "ffff 0010 00002320 0001 000000000000"))), actionExperimenter},
		{"port that is not there", groupBody(0, groupAll, 2, bucket(0, anyPort, unhex(t, "0000 0010 00000009 0000 000000000000"))), actionPort},
		{"cut short", []byte{0, 0, 0}, badLength},
		{"a second one", groupBody(0, groupAll, 2, one), refusal{}},
		{"one too many", groupBody(0, groupAll, 3, one), groupTooMany},
		{"of the other type", groupBody(0, groupIndirect, 3, one), refusal{}},
	} {
		if got := k.refusal(typeGroupMod, c.body); got != c.want {
			t.Errorf("%s: error %v, want %v", c.name, got, c.want)
		}
	}
}

func TestChainedGroups(t *testing.T) {
	cfg := small()
	cfg.Groups = GroupLimits{All: 9, Chaining: true}
	s, k := accept(t, cfg)
	to := func(id uint32) []byte { return bucket(0, anyPort, put32([]byte{0, 22, 0, 8}, id)) }
	k.must(typeGroupMod, groupBody(0, groupAll, 1, bucket(0, anyPort, unhex(t, output1))))
	k.must(typeGroupMod, groupBody(0, groupAll, 2, to(1)))
	for _, c := range []struct {
		name string
		body []byte
		want refusal
	}{
		{"itself", groupBody(1, groupAll, 1, to(1)), groupLoop},
		{"in a ring", groupBody(1, groupAll, 1, to(2)), groupLoop},
		{"none", groupBody(0, groupAll, 3, to(8)), refusal{2, 9}},
		{"deleted while another refers to it", groupBody(2, groupAll, 1), refusal{6, 9}},
		{"all", groupBody(2, groupAll, allGroups), refusal{}},
	} {
		if got := k.refusal(typeGroupMod, c.body); got != c.want {
			t.Errorf("%s: error %v, want %v", c.name, got, c.want)
		}
	}
	if n := len(s.Tables().Groups); n != 0 {
		t.Errorf("%d groups are left", n)
	}
}

// TestWhatIsUsedGoesWithItsEntries: deleting a group or a meter removes the entries that use it (OpenFlow 1.3.5, 6.5 and 6.6).
func TestWhatIsUsedGoesWithItsEntries(t *testing.T) {
	s, k := accept(t, small())
	k.must(typeGroupMod, groupBody(0, groupAll, 9, bucket(0, anyPort, unhex(t, output1))))
	k.must(typeMeterMod, unhex(t, "0000 0006 00000001 0001 0010 00000001 00000001 00000000"))
	k.must(typeFlowMod, mod{priority: 1, flags: 1, instructions: apply(toGroup9)}.body(t))
	k.must(typeFlowMod, mod{priority: 2, instructions: meter1}.body(t))
	k.must(typeFlowMod, mod{priority: 3}.body(t))
	told := k.must(typeGroupMod, groupBody(2, groupAll, 9))
	if len(told) != 1 || told[0][1] != typeFlowRemoved || told[0][headerLen+10] != groupDeleted {
		t.Errorf("told % x", told)
	}
	if told := k.must(typeMeterMod, unhex(t, "0002 0000 00000001")); len(told) != 0 {
		t.Errorf("told % x of an entry that did not ask for it", told)
	}
	if left := s.Tables().Flows; len(left) != 1 || left[0].Priority() != 3 {
		t.Errorf("%d entries are left", len(left))
	}
}

func TestMeterModRefusals(t *testing.T) {
	_, k := accept(t, small())
	const band = "0001 0010 00000064 00000032 00000000"
	for _, c := range []struct {
		name, body string
		want       refusal
	}{
		{"a meter", "0000 0006 00000001" + band, refusal{}},
		{"there already", "0000 0006 00000001" + band, refusal{12, 1}},
		{"modify", "0001 0006 00000001" + band, refusal{}},
		{"modify of none", "0001 0006 00000002" + band, refusal{12, 3}},
		{"unknown command", "0003 0006 00000002" + band, meterCommand},
		{"kilobits", "0000 0005 00000002" + band, meterFlags},
		{"no unit", "0000 0004 00000002" + band, meterFlags},
		{"number 0", "0000 0006 00000000" + band, meterInvalid},
		{"reserved number", "0000 0006 fffffffd" + band, meterInvalid},
		{"band that marks", "0000 0006 00000002 0002 0010 00000064 00000032 01 000000", meterBand},
		{"band of an experimenter", "0000 0006 00000002 ffff 0010 00000064 00000032 00002320", meterBand},
		{"no band", "0000 0006 00000002", meterBand},
		{"two bands", "0000 0006 00000002" + band + band, meterTooBands},
		{"rate 0", "0000 0006 00000002 0001 0010 00000000 00000032 00000000", meterRate},
		{"a second one", "0000 0006 00000002" + band, refusal{}},
		{"one too many", "0000 0006 00000003" + band, meterTooMany},
		{"cut short", "0000", badLength},
	} {
		if got := k.refusal(typeMeterMod, unhex(t, c.body)); got != c.want {
			t.Errorf("%s: error %v, want %v", c.name, got, c.want)
		}
	}
	cfg := small()
	cfg.Meters = 0
	_, without := accept(t, cfg)
	if got := without.refusal(typeMeterMod, unhex(t, "0000 0006 00000001"+band)); got != badType {
		t.Errorf("without meters: error %v", got)
	}
	for kind, body := range map[uint16]string{partMeter: "ffffffff00000000", partMeterConfig: "ffffffff00000000", partMeterFeatures: ""} {
		if got := without.refusal(typeMultipart, append(put32(put16(nil, kind), 0), append([]byte{0, 0}, unhex(t, body)...)...)); got != badMultipart {
			t.Errorf("without meters, multipart %d: error %v", kind, got)
		}
	}
}

func TestOtherRefusals(t *testing.T) {
	s, k := accept(t, small())
	frame := strings.Repeat("02", 12) + "9999"
	for _, c := range []struct {
		name string
		kind uint8
		body string
		want refusal
	}{
		{"experimenter", typeExperimenter, "4f4e4600 000008fc 00000001 0000 0003", badExperimenter},
		{"unknown type", 99, "", badType},
		{"a switch's message", typePacketIn, "", badType},
		{"port-mod", typePortMod, strings.Repeat("00", 32), badType},
		{"long barrier", typeBarrier, "00", badLength},
		{"configuration with fragments", typeSetConfig, "0001 ffff", configFlags},
		{"short configuration", typeSetConfig, "00", badLength},
		{"short mask", typeSetAsync, "00000000", badLength},
		{"unknown role", typeRole, "00000007 00000000 0000000000000001", roleBad},
		{"multipart of an experimenter", typeMultipart, "ffff 0000 00000000", badExperimenter},
		{"multipart of no kind", typeMultipart, "0063 0000 00000000", badMultipart},
		{"multipart in pieces", typeMultipart, "0000 0001 00000000", partsOverflow},
		{"multipart cut short", typeMultipart, "0000", badLength},
		{"description of something", typeMultipart, "0000 0000 00000000 00", badLength},
		{"flow statistics of a table that is not there", typeMultipart, "0001 0000 00000000 07000000 ffffffff ffffffff 00000000 0000000000000000 0000000000000000 0001 0004 00000000", badTable},
		{"flow statistics with Nicira's field", typeMultipart,
			"0001 0000 00000000 ff000000 ffffffff ffffffff 00000000 0000000000000000 0000000000000000 0001 000c 00010004 00000001 00000000", matchField},
		{"packet-out of a buffer", typePacketOut, "00000001 fffffffd 0000 000000000000", bufferUnknown},
		{"packet-out from a port that is not there", typePacketOut, "ffffffff 00000009 0000 000000000000" + frame, badPort},
		{"packet-out from nowhere", typePacketOut, "ffffffff ffffffff 0000 000000000000" + frame, badPort},
		{"packet-out to a port that is not there", typePacketOut, "ffffffff fffffffd 0010 000000000000 0000 0010 00000009 0000 000000000000" + frame, actionPort},
		{"packet-out to a group that is not there", typePacketOut, "ffffffff fffffffd 0008 000000000000" + toGroup9 + frame, refusal{2, 9}},
		{"packet-out with Nicira's action", typePacketOut, "ffffffff fffffffd 0010 000000000000 ffff 0010 00002320 0001 000000000000" + frame, actionExperimenter},
		{"packet-out of half a frame", typePacketOut, "ffffffff fffffffd 0000 000000000000 0202", badPacket},
		{"packet-out cut short", typePacketOut, "ffffffff fffffffd 0010 000000000000", badLength},
	} {
		if got := k.refusal(c.kind, unhex(t, c.body)); got != c.want {
			t.Errorf("%s: error %v, want %v", c.name, got, c.want)
		}
	}
	m := message(typeBarrier, 77, nil)
	m[0] = 1
	k.write(m)
	if e := k.read(); e[1] != typeError || be32(e[headerLen:]) != 1<<16 { // BAD_REQUEST, BAD_VERSION
		t.Errorf("version 1: % x", e)
	}
	if s.Connected() != 1 {
		t.Error("the connection is gone")
	}
}

// TestTableFeaturesRefusals: the switch takes what it can have, and nothing of what it cannot (OpenFlow 1.3.5, 7.3.5.5).
func TestTableFeaturesRefusals(t *testing.T) {
	cfg := small()
	_, fixed := accept(t, cfg)
	cfg.Negotiable = true
	s, k := accept(t, cfg)
	request := func(change func(f []flow.TableFeatures) []flow.TableFeatures, form tablefeatures.Form) []byte {
		wanted := []flow.TableFeatures{small().Tables[0], small().Tables[1]}
		b := []byte{0, partTableFeatures, 0, 0, 0, 0, 0, 0}
		for _, f := range change(wanted) {
			var err error
			if b, err = tablefeatures.Append(b, &f, form); err != nil {
				t.Fatal(err)
			}
		}
		return b
	}
	full := tablefeatures.Form{FieldIDs: true, Required: true}
	same := func(f []flow.TableFeatures) []flow.TableFeatures { return f }
	raw := func(hex string) []byte {
		b := slices.Concat(unhex(t, "000c 0000 00000000"), unhex(t, "0000 00 0000000000"), make([]byte, 56), unhex(t, hex))
		b[8], b[9] = byte((len(b)-8)>>8), byte(len(b)-8)
		return b
	}
	k.must(typeFlowMod, mod{priority: 1, match: inPort1}.body(t))
	k.must(typeFlowMod, mod{table: 1}.body(t))
	for _, c := range []struct {
		name string
		body []byte
		want refusal
	}{
		{"table that is not there", request(func(f []flow.TableFeatures) []flow.TableFeatures { f[1].ID = 2; return f }, full), featuresTable},
		{"table twice", request(func(f []flow.TableFeatures) []flow.TableFeatures { f[1] = f[0]; return f }, full), featuresTable},
		{"too many entries", request(func(f []flow.TableFeatures) []flow.TableFeatures { f[1].MaxEntries = 101; return f }, full), featuresArgument},
		{"metadata", request(func(f []flow.TableFeatures) []flow.TableFeatures { f[1].MetadataMatch = 1; return f }, full), featuresMetadata},
		{"field", request(func(f []flow.TableFeatures) []flow.TableFeatures {
			f[1].Match = append(f[1].Match, flow.FieldFeature{Field: flow.EthSrc})
			return f
		}, full), featuresArgument},
		{"mask", request(func(f []flow.TableFeatures) []flow.TableFeatures {
			f[1].Match = []flow.FieldFeature{{Field: flow.EthDst, Masked: true}}
			return f
		}, full), featuresArgument},
		{"wildcard", request(func(f []flow.TableFeatures) []flow.TableFeatures {
			f[1].Wildcards = []flow.Field{flow.EthDst}
			return f
		}, full), featuresArgument},
		{"action", request(func(f []flow.TableFeatures) []flow.TableFeatures { f[1].Entry.Can |= flow.CanDecTTL; return f }, full), featuresArgument},
		{"set-field", request(func(f []flow.TableFeatures) []flow.TableFeatures {
			f[1].Entry.Set = []flow.Field{flow.EthDst}
			return f
		}, full), featuresArgument},
		{"goto of a table that is not asked for", request(func(f []flow.TableFeatures) []flow.TableFeatures { return f[:1] }, full), featuresArgument},
		{"properties missing", request(same, tablefeatures.Form{FieldIDs: true}), featuresArgument},
		{"property twice", raw("0000 0004 00000000 0000 0004 00000000"), featuresArgument},
		{"property of no kind", raw("0009 0004 00000000"), featuresType},
		{"property of an experimenter", raw("fffe 000c 00002320 00000001 00000000"), featuresType},
		{"Nicira's field", raw("0008 0008 00010004"), featuresArgument},
		{"half a property", raw("0008 0010 00000000"), featuresLength},
	} {
		if got := k.refusal(typeMultipart, c.body); got != c.want {
			t.Errorf("%s: error %v, want %v", c.name, got, c.want)
		}
	}
	if got := fixed.refusal(typeMultipart, request(same, full)); got != featuresDenied {
		t.Errorf("a switch that cannot be asked: error %v", got)
	}
	if s.Entries(0) != 1 || s.Entries(1) != 1 {
		t.Error("entries went")
	}
	k.must(typeMultipart, request(func(f []flow.TableFeatures) []flow.TableFeatures { f[0].MaxEntries = 2; return f }, full))
	if s.Entries(0) != 0 || s.Entries(1) != 1 {
		t.Errorf("%d and %d entries, where only the first table was changed", s.Entries(0), s.Entries(1))
	}
}

// TestMetadata: a table promises bits of metadata, or none.
func TestMetadata(t *testing.T) {
	cfg := whole()
	cfg.Tables[0].MetadataMatch, cfg.Tables[0].MetadataWrite = 0xff, 0xff
	cfg.Tables[1].MetadataWrite = 0
	_, k := accept(t, cfg)
	const all = "0002 0018 00000000 0000000000000001 ffffffffffffffff"
	for _, c := range []struct {
		name string
		mod  mod
		want refusal
	}{
		{"some bits", mod{priority: 1, match: "80000510 0000000000000001 00000000000000ff", instructions: "0002 0018 00000000 0000000000000001 00000000000000ff"}, refusal{}},
		{"more bits", mod{priority: 1, instructions: all}, instructionMetadataMask},
		{"no bits", mod{table: 1, priority: 1, instructions: all}, instructionMetadata},
		{"match of more bits", mod{priority: 1, match: "80000510 0000000000000001 0000000000000fff"}, matchMask},
	} {
		if got := k.refusal(typeFlowMod, c.mod.body(t)); got != c.want {
			t.Errorf("%s: error %v, want %v", c.name, got, c.want)
		}
	}
	cfg = whole()
	cfg.Tables = Without(cfg.Tables, flow.CanWriteMetadata|flow.CanDecTTL)
	_, without := accept(t, cfg)
	for _, c := range []struct {
		name string
		mod  mod
		want refusal
	}{
		{"no metadata", mod{priority: 1, instructions: all}, instructionUnsupported},
		{"no match of it", mod{priority: 1, match: "80000408 0000000000000001"}, matchField},
		{"no dec-ttl", mod{priority: 1, match: ipv4, instructions: apply(decTTL)}, actionType},
		{"others", mod{priority: 1, match: inPort1, instructions: apply(output1)}, refusal{}},
	} {
		if got := without.refusal(typeFlowMod, c.mod.body(t)); got != c.want {
			t.Errorf("%s: error %v, want %v", c.name, got, c.want)
		}
	}
}

// TestGotoBackwards: a packet goes to tables with higher numbers alone (OpenFlow 1.3.5, 5.1.1), whatever the tables promise.
func TestGotoBackwards(t *testing.T) {
	cfg := whole()
	cfg.Tables[5].Entry.Next = []uint8{1, 5, 6}
	_, k := accept(t, cfg)
	for next, want := range map[string]refusal{"01": instructionTable, "05": instructionTable, "06": {}, "07": instructionTable} {
		if got := k.refusal(typeFlowMod, mod{table: 5, priority: 1, instructions: "0001 0008" + next + "000000"}.body(t)); got != want {
			t.Errorf("from table 5 to %s: error %v", next, got)
		}
	}
}

func TestOrderedActions(t *testing.T) {
	cfg := small()
	cfg.OrderedActions = true
	_, k := accept(t, cfg)
	for actions, want := range map[string]refusal{
		pushVLAN + setVLAN10 + output1:           {},
		output1 + output2:                        {},
		output1 + pushVLAN + setVLAN10 + output2: actionOrder,
	} {
		if got := k.refusal(typeFlowMod, mod{priority: 1, match: "80000c02 0000", instructions: apply(actions)}.body(t)); got != want {
			t.Errorf("%s: error %v", actions, got)
		}
	}
}
