package flow

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var testNames = TableNames{10: "guard", 20: "service"}

func TestFormat(t *testing.T) {
	for want, e := range map[string]Entry{
		"cookie=0x6620010040000001, table=guard, priority=100,arp,metadata=0x10005/0xffffff,dl_src=fa:16:3e:00:00:01,arp_spa=10.0.0.5 actions=goto_table:service": guardEntry,
		"cookie=0x0, table=0, priority=0 actions=drop": {},
		"cookie=0x0, table=1, idle_timeout=3, hard_timeout=4, send_flow_rem priority=7,tcp,in_port=LOCAL,dl_vlan=5,dl_vlan_pcp=3,nw_src=10.0.0.0/24,nw_dst=1.0.0.1/255.0.0.1,tp_src=5,tp_dst=0x10/0xf0 actions=meter:5,pop_vlan,dec_ttl,CONTROLLER:128,IN_PORT,LOCAL,output:7,resubmit(,30),group:6,controller(max_len=77,meter_id=5),write_metadata:0x10/0xff,goto_table:2": {
			Table: 1, Priority: 7, IdleTimeout: 3, HardTimeout: 4, Flags: FlagSendFlowRemoved,
			Match: Match{Exact(InPort, uint64(PortLocal)), Exact(VLANVID, 0x1005), Exact(VLANPCP, 3), Exact(EthType, etherIPv4), Exact(IPProto, 6),
				Masked(IPv4Src, 0x0a000000, 0xffffff00), Masked(IPv4Dst, 0x01000001, 0xff000001), Exact(TCPSrc, 5), Masked(TCPDst, 0x10, 0xf0)},
			Meter: 5,
			Apply: []Action{PopVLAN{}, DecTTL{}, Output{PortController, 128}, Output{PortInPort, 0}, Output{PortLocal, 0}, Output{7, 0},
				Resubmit{30}, ToGroup{6}, Punt{77, 5}},
			WriteMetadata: 0x10, MetadataMask: 0xff, Goto: 2, HasGoto: true,
		},
		"cookie=0x0, table=0, priority=1,rarp,tun_id=0x5/0x7,tun_src=1.1.0.0/16,metadata=0/0xff,vlan_tci=0x0000/0x1fff,dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,arp_op=1 actions=push_vlan:0x8100,set_field:4101->vlan_vid,set_field:2->arp_op,set_field:fa:16:3e:00:00:01->eth_src,set_field:10.0.0.1->tun_dst,set_field:0x5->tun_id,set_field:5->in_port,load:0x1->OXM_OF_METADATA[8..15],load:0x1->OXM_OF_METADATA[3],move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],move:OXM_OF_METADATA[0..11]->OXM_OF_VLAN_VID[],write_metadata:0x1": {
			Priority: 1,
			Match: Match{Masked(Metadata, 0, 0xff), Masked(TunnelID, 5, 7), Masked(TunnelSrc, 0x01010000, 0xffff0000),
				Masked(EthDst, 1<<40, 1<<40), Exact(EthType, etherRARP), Exact(VLANVID, 0), Exact(ARPOp, 1)},
			Apply: []Action{PushVLAN{}, SetField{VLANVID, 0x1005, 0x1fff}, SetField{ARPOp, 2, 0xffff}, SetField{EthSrc, 0xfa163e000001, EthSrc.AllOnes()},
				SetField{TunnelDst, 0x0a000001, TunnelDst.AllOnes()}, SetField{TunnelID, 5, TunnelID.AllOnes()}, SetField{InPort, 5, InPort.AllOnes()},
				SetField{Metadata, 0x100, 0xff00}, SetField{Metadata, 8, 8}, Move{EthSrc, EthDst, 48}, Move{Metadata, VLANVID, 12}},
			WriteMetadata: 1, MetadataMask: Metadata.AllOnes(),
		},
		"cookie=0x0, table=0, hard_timeout=1, priority=1,icmp,reg0=0xa000001,reg1=0x2/0x6,reg2=0x1/0x1 actions=move:NXM_OF_IP_SRC[]->NXM_NX_REG0[],set_field:0->in_port,set_field:0->icmp_type,set_field:65->nw_ttl,check_pkt_larger(1514)->NXM_NX_REG2[0],ct(commit,table=7,zone=5,nat(src=10.0.0.1)),ct(table=8,nat),ct(commit,table=9)": {
			Priority: 1, HardTimeout: 1,
			Match: Match{Exact(Reg0, 0x0a000001), Masked(Reg1, 2, 6), Masked(Reg2, 1, 1), Exact(EthType, etherIPv4), Exact(IPProto, 1)},
			Apply: []Action{Move{IPv4Src, Reg0, 32}, SetField{InPort, 0, InPort.AllOnes()}, SetField{ICMPType, 0, 0xff}, SetField{IPTTL, 65, 0xff},
				CheckLarger{1514, Reg2, 0}, Conntrack{Zone: 5, Commit: true, NAT: NATSource, Addr: 0x0a000001, Next: 7}, Conntrack{NAT: NATKnown, Next: 8}, Conntrack{Commit: true, Next: 9}},
		},
		"cookie=0x0, table=0, priority=1,ct_state=-inv+trk,ct_nw_src=10.0.0.0/24,ct_nw_dst=10.0.0.1,ct_nw_proto=6,ct_tp_src=5,ct_tp_dst=0x1f90/0xfff0,ip,reg3=0x7,nw_frag=later actions=ct(table=34,zone=OXM_OF_METADATA[0..15]),ct(commit,zone=OXM_OF_METADATA[0..15]),ct(commit,zone=5),ct(),ct(commit,table=3,zone=NXM_NX_REG3[0..15],nat),ct(zone=NXM_OF_TCP_SRC[])": {
			Priority: 1,
			Match: Match{Exact(Reg3, 7), Masked(CTState, CTTracked, CTTracked|CTInvalid), Exact(CTProto, 6), Masked(CTSrc, 0x0a000000, 0xffffff00), Exact(CTDst, 0x0a000001),
				Exact(CTSrcPort, 5), Masked(CTDstPort, 0x1f90, 0xfff0), Exact(EthType, etherIPv4), Exact(IPFrag, FragAny|FragLater)},
			Apply: []Action{Conntrack{ZoneFrom: Metadata, Next: 34}, Conntrack{ZoneFrom: Metadata, Commit: true, Next: NoTable}, Conntrack{Zone: 5, Commit: true, Next: NoTable},
				Conntrack{Next: NoTable}, Conntrack{ZoneFrom: Reg3, Commit: true, NAT: NATKnown, Next: 3}, Conntrack{ZoneFrom: TCPSrc, Next: NoTable}},
		},
		"cookie=0x0, table=0, priority=2,conj_id=7,ct_state=+new-est-rel+trk+snat-dnat actions=conjunction(7,1/2),conjunction(4294967295,64/64)": {
			Priority: 2,
			Match:    Match{Exact(ConjunctionID, 7), Masked(CTState, CTNew|CTTracked|ctSourceNAT, CTNew|CTEstablished|CTRelated|CTTracked|ctSourceNAT|ctDestinationNAT)},
			Apply:    []Action{Conjunction{7, 1, 2}, Conjunction{0xffffffff, 64, 64}},
		},
		"cookie=0x0, table=0, priority=3,ct_state=new|trk,ip,nw_frag=first actions=move:NXM_NX_CT_STATE[]->NXM_NX_REG3[]": {
			Priority: 3, Match: Match{Exact(CTState, CTNew|CTTracked), Exact(EthType, etherIPv4), Exact(IPFrag, FragAny)}, Apply: []Action{Move{CTState, Reg3, 32}},
		},
		"cookie=0x0, table=0, priority=4,ct_state=0,ip,nw_frag=not_later actions=drop": {
			Priority: 4, Match: Match{Exact(CTState, 0), Exact(EthType, etherIPv4), Masked(IPFrag, 0, FragLater)},
		},
		"cookie=0x0, table=0, priority=5,ct_state=-trk,ip,nw_frag=no actions=drop": {
			Priority: 5, Match: Match{Masked(CTState, 0, CTTracked), Exact(EthType, etherIPv4), Exact(IPFrag, 0)},
		},
		"cookie=0x0, table=0, priority=6,ip,nw_frag=yes actions=drop": {
			Priority: 6, Match: Match{Exact(EthType, etherIPv4), Masked(IPFrag, FragAny, FragAny)},
		},
		"cookie=0x0, table=0, priority=7,ip,nw_tos=184,nw_ttl=1 actions=set_field:10->ip_dscp": {
			Priority: 7, Match: Match{Exact(EthType, etherIPv4), Exact(IPDSCP, 46), Exact(IPTTL, 1)}, Apply: []Action{SetField{IPDSCP, 10, IPDSCP.AllOnes()}},
		},
	} {
		got := Format(e, testNames)
		if e.Table != 10 {
			got = Format(e, nil)
		}
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if back, err := Parse(got, testNames); err != nil || Encode(back) != Encode(e) {
			t.Errorf("%s\nparses to %+v, %v", got, back, err)
		}
	}
}

// What ovs-ofctl of Open vSwitch 3.1 printed for entries of our kinds, word for word.
func TestParseDumpFlows(t *testing.T) {
	for line, want := range map[string]Entry{
		" cookie=0x66, duration=0.736s, table=1, n_packets=0, n_bytes=0, priority=100,arp,metadata=0x10005/0xffffff actions=goto_table:2": {
			Table: 1, Priority: 100, Cookie: 0x66, Match: Match{Masked(Metadata, 0x10005, 0xffffff), Exact(EthType, etherARP)}, Goto: 2, HasGoto: true},
		" cookie=0x0, duration=1s, table=0, n_packets=3, n_bytes=9, idle_age=5, hard_age=6, udp,in_port=1 actions=CONTROLLER:65535": {
			Priority: 32768, Match: Match{Exact(InPort, 1), Exact(EthType, etherIPv4), Exact(IPProto, 17)}, Apply: []Action{Output{PortController, 0xffff}}},
		" cookie=0x0, duration=0.353s, table=1, n_packets=0, n_bytes=0, reset_counts priority=114,vlan_tci=0x0000/0x1fff actions=drop": {
			Table: 1, Priority: 114, Match: Match{Exact(VLANVID, 0)}},
		"table=1, priority=118,dl_vlan=5,dl_vlan_pcp=0 actions=drop": {
			Table: 1, Priority: 118, Match: Match{Exact(VLANVID, 0x1005), Exact(VLANPCP, 0)}},
		"table=1, priority=24,dl_vlan_pcp=3 actions=output:1": {
			Table: 1, Priority: 24, Match: Match{Masked(VLANVID, 0x1000, 0x1000), Exact(VLANPCP, 3)}, Apply: []Action{Output{1, 0}}},
		"priority=1,ip actions=load:0x102->NXM_OF_IP_SRC[16..31],load:0x5->NXM_NX_TUN_ID[],load:0x5->OXM_OF_VLAN_VID[]": {
			Priority: 1, Match: Match{Exact(EthType, etherIPv4)},
			Apply: []Action{SetField{IPv4Src, 0x01020000, 0xffff0000}, SetField{TunnelID, 5, ^uint64(0)}, SetField{VLANVID, 0x1005, 0x1fff}}},
	} {
		got, err := Parse(line, nil)
		if err != nil || Encode(got) != Encode(want) {
			t.Errorf("%s: %+v, %v", line, got, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for line, want := range map[string]string{
		"priority=1":                                              "no actions",
		"priority=65536 actions=drop":                             "priority",
		"table=x actions=drop":                                    "table",
		"in_port=veth0 actions=drop":                              "in_port",
		"nw_frag=some actions=drop":                               "nw_frag",
		"reg4=5 actions=drop":                                     "reg4",
		"ct_state=+old actions=drop":                              "old",
		"ct_state=+new-new actions=drop":                          "new",
		"ct_state=+new|est actions=drop":                          "est",
		"ct_state=new+est actions=drop":                           "est",
		"ct_state=+ actions=drop":                                 "not known",
		"ct_state=0x100000000 actions=drop":                       "ct_state",
		"ct_zone=5 actions=drop":                                  "ct_zone",
		"udp,tcp actions=drop":                                    "twice",
		"tp_src=5 actions=drop":                                   "without tcp or udp",
		"udp,tp_src=65536 actions=drop":                           "fit",
		"dl_vlan=4096 actions=drop":                               "VLAN",
		"dl_src=1:2:3:4:5:6 actions=drop":                         "MAC",
		"ip,nw_src=10.0.0.0/33 actions=drop":                      "prefix",
		"ip,nw_src=::1 actions=drop":                              "IPv4",
		"actions=":                                                "number",
		"actions=ct(table=255)":                                   "table",
		"actions=ct(zone=NXM_NX_REG0[])":                          "0 to 15",
		"actions=ct(zone=NXM_NX_REG0[16..31])":                    "0 to 15",
		"actions=ct(zone=NXM_NX_REG0[0..15)":                      "zone",
		"actions=conjunction(7)":                                  "clause",
		"actions=conjunction(7,1)":                                "clause",
		"actions=conjunction(x,1/2)":                              "32 bits",
		"actions=conjunction(7,1/256)":                            "8 bits",
		"actions=ct(table=1,force)":                               "force",
		"actions=ct(table=1,zone=65536)":                          "zone",
		"actions=ct(table=1,nat(dst=10.0.0.1))":                   "nat(dst",
		"actions=ct(table=1,nat(src=10.0.0.1-10.0.0.2))":          "IPv4",
		"actions=ct(table=1,nat(src))":                            "nat(src)",
		"actions=check_pkt_larger(1514)":                          "->",
		"actions=check_pkt_larger(65536)->NXM_NX_REG2[0]":         "16 bits",
		"actions=check_pkt_larger(5)->NXM_NX_REG2[0..1]":          "one bit",
		"actions=check_pkt_larger(5)->NXM_NX_REG2[32]":            "no bits",
		"actions=goto_table:2,output:1":                           "later",
		"actions=output:1,meter:1":                                "later",
		"actions=goto_table:1,goto_table:2":                       "twice",
		"actions=resubmit(1,2)":                                   "resubmit",
		"actions=push_vlan:0x88a8":                                "0x8100",
		"actions=dec_ttl(1,2)":                                    "arguments",
		"actions=controller(reason=no_match,meter_id=4)":          "reason",
		"actions=controller(userdata=00)":                         "userdata",
		"actions=set_field:300->nw_ttl":                           "fit",
		"actions=set_field:5->reg4":                               "reg4",
		"actions=load:0x4->OXM_OF_METADATA[0..1]":                 "2 bits",
		"actions=load:0x4->OXM_OF_METADATA[0..64]":                "no bits",
		"actions=load:0x4->OXM_OF_METADATA[3..2]":                 "no bits",
		"actions=move:NXM_OF_ETH_SRC[1..2]->NXM_OF_ETH_DST[0..1]": "bit 0",
		"actions=move:NXM_OF_ETH_SRC[]->NXM_OF_IP_DST[]":          "equally",
	} {
		if e, err := Parse(line, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v, error %v, want one about %q", line, e, err, want)
		}
	}
}

func TestFormatProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawRapid(t).anyEntry()
		for _, names := range []TableNames{nil, {0: "classify", 1: "guard", 5: "deliver"}} {
			line := Format(e, names)
			back, err := Parse(line, names)
			if err != nil || Encode(back) != Encode(e) {
				t.Fatalf("%s\nfrom   %+v\nparses %+v, %v", line, e, back, err)
			}
		}
		g := drawRapid(t).group(7)
		line := FormatGroup(g, nil)
		back, err := ParseGroup(line, nil)
		if err != nil || !back.Equal(g) {
			t.Fatalf("%s\nfrom   %+v\nparses %+v, %v", line, g, back, err)
		}
	})
}

func TestGroupAndMeterText(t *testing.T) {
	g := Group{0x10005, [][]Action{{Output{1, 0}}, {SetField{TunnelDst, 0x01010101, TunnelDst.AllOnes()}, Output{2, 0}}, {}, {Resubmit{20}}}}
	const want = "group_id=65541,type=all,bucket=actions=output:1,bucket=actions=set_field:1.1.1.1->tun_dst,output:2,bucket=actions=drop,bucket=actions=resubmit(,service)"
	if got := FormatGroup(g, testNames); got != want {
		t.Error(got)
	}
	// With OpenFlow 1.5's words too.
	back, err := ParseGroup(" group_id=65541,type=all,bucket=bucket_id:0,actions=output:1,bucket=bucket_id:1,actions=set_field:1.1.1.1->tun_dst,output:2,bucket=bucket_id:2,actions=drop,bucket=actions=resubmit(,20)", nil)
	if err != nil || !back.Equal(g) {
		t.Errorf("%+v, %v", back, err)
	}
	for _, line := range []string{"", "type=all", "group_id=1,type=select,bucket=actions=drop", "group_id=1,type=all,bucket=output:1", "group_id=1,type=all,bucket=actions=goto_table:1", "group_id=x,type=all"} {
		if g, err := ParseGroup(line, nil); err == nil {
			t.Errorf("%q: %+v", line, g)
		}
	}
	for _, m := range []Meter{{5, 100, 50}, {6, 100, 0}} {
		if got, err := ParseMeter(FormatMeter(m)); err != nil || got != m {
			t.Errorf("%s: %+v, %v", FormatMeter(m), got, err)
		}
	}
	if m, err := ParseMeter("meter=5 pktps burst bands=\ntype=drop rate=100 burst_size=50"); err != nil || m != (Meter{5, 100, 50}) {
		t.Errorf("%+v, %v", m, err)
	}
	for _, line := range []string{"", "meter=5 kbps bands=type=drop rate=1", "meter=5 pktps bands=type=dscp_remark rate=1", "meter=5 pktps stats bands=type=drop rate=1"} {
		if m, err := ParseMeter(line); err == nil {
			t.Errorf("%q: %+v", line, m)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(Format(guardEntry, nil))
	f.Add("cookie=0x1, table=1, priority=5,udp,dl_vlan=5,dl_vlan_pcp=3,tp_src=1/2 actions=meter:1,load:0x1->OXM_OF_METADATA[3..5],move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],controller(max_len=5,meter_id=6),write_metadata:1/2,goto_table:4")
	f.Add("reg0=1,reg1=2/6,ip actions=set_field:0->in_port,check_pkt_larger(1514)->NXM_NX_REG2[0],ct(commit,table=7,zone=5,nat(src=10.0.0.1)),ct(table=8,nat)")
	f.Add("conj_id=5,ct_state=-new+trk,ct_nw_src=10.0.0.0/8,ct_nw_proto=6,ct_tp_dst=1/3,ip,nw_frag=later actions=conjunction(7,1/2),ct(commit,zone=NXM_NX_REG3[0..15])")
	f.Add("ct_state=new|trk,nw_frag=2/2 actions=ct()")
	f.Add("group_id=1,type=all,bucket=actions=output:1")
	f.Add("meter=5 pktps burst bands=\ntype=drop rate=100 burst_size=50")
	f.Fuzz(func(t *testing.T, line string) {
		if g, err := ParseGroup(line, nil); err == nil {
			if back, err := ParseGroup(FormatGroup(g, nil), nil); err != nil || !back.Equal(g) {
				t.Fatalf("%q: %+v and %+v, %v", line, g, back, err)
			}
		}
		if m, err := ParseMeter(line); err == nil {
			if back, err := ParseMeter(FormatMeter(m)); err != nil || back != m {
				t.Fatalf("%q: %+v and %+v, %v", line, m, back, err)
			}
		}
		e, err := Parse(line, nil)
		if err != nil {
			return
		}
		back, err := Parse(Format(e, nil), nil)
		if err != nil || Encode(back) != Encode(e) {
			t.Fatalf("%q\nparses to %+v\nwhich is %s\nand parses to %+v, %v", line, e, Format(e, nil), back, err)
		}
	})
}

func BenchmarkFormat(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_ = Format(guardEntry, testNames)
	}
}
