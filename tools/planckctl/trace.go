package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/planck-sdn/planck/northbound/admin"
)

// traceFlags say what packet is traced.
type traceFlags struct {
	from, to, source, sourceMAC               string
	tcp, udp, sourcePort, protocol, ttl, size int
	icmp, arp, dhcp, live                     bool
}

func newTrace(t *tool) *cobra.Command {
	var f traceFlags
	c := &cobra.Command{
		Use:   "trace --from PORT --to PORT|ADDRESS",
		Short: "Follow a packet from a port through all tables and nodes, and say what becomes of it and why",
		Long: `Follows the first packet of a connection from a port through the flow entries that the switches hold just now, over tunnels and
wires from node to node, to its delivery or to where it is dropped; and through those that they should hold. The first line says what becomes of
it, the next where the two ways part, if they do. Nothing is sent, but for the reading of the tables.

With --live the packet is sent as well, by the sender's switch, and it is told where it would have left for a port: no port gets it.
Nothing is sent to a server at a physical switch, which could not catch it.

The exit code is 1 if the packet does not arrive.`,
		Example: `  planckctl trace --from web1 --to web2
  planckctl trace --from web1 --to 10.2.0.12 --tcp 22
  planckctl trace --from web1 --dhcp
  planckctl trace --from web1 --to web2 --size 1450 --live`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r, err := f.request(c.Context(), t, c.Flags().Changed)
			if err != nil {
				return err
			}
			var answer admin.Trace
			if t.format == formatJSON {
				err = t.show(c.Context(), r, &answer, nil)
			} else if err = t.client.get(c.Context(), r, &answer); err == nil {
				err = writeTrace(t.out, &answer)
			}
			if err != nil {
				return err
			}
			if !arrives(&answer) {
				return errBadNews
			}
			return nil
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.from, "from", "", "the port that sends it (id or name)")
	flags.StringVar(&f.to, "to", "", "the port that it is for (id or name), or an IPv4 address")
	t.completeFlag(c, "from", "port")
	t.completeFlag(c, "to", "port")
	flags.BoolVar(&f.icmp, "icmp", false, "an ICMP echo request, as without any of these")
	flags.IntVar(&f.tcp, "tcp", 0, "the beginning of a TCP connection to this port")
	flags.IntVar(&f.udp, "udp", 0, "a UDP datagram to this port")
	flags.BoolVar(&f.arp, "arp", false, "an ARP request")
	flags.BoolVar(&f.dhcp, "dhcp", false, "a DHCP client's first message; it needs no --to")
	flags.IntVar(&f.protocol, "protocol", 0, "a packet of this IP protocol, by number")
	flags.IntVar(&f.sourcePort, "source-port", 0, "the port that TCP or UDP is sent from")
	flags.StringVar(&f.source, "source", "", "IPv4 address that it is sent from (the sender's first)")
	flags.StringVar(&f.sourceMAC, "source-mac", "", "MAC address that it is sent from (the sender's)")
	flags.IntVar(&f.ttl, "ttl", 0, "its TTL (64)")
	flags.IntVar(&f.size, "size", 0, "its size in bytes, with the IP header (as small as it can be)")
	flags.BoolVar(&f.live, "live", false, "send it, too, and tell where it came out")
	c.MarkFlagsMutuallyExclusive("icmp", "tcp", "udp", "arp", "dhcp", "protocol")
	_ = c.MarkFlagRequired("from")
	return c
}

func (f *traceFlags) request(ctx context.Context, t *tool, given func(string) bool) (request, error) {
	r := request{path: adminPath("trace"), query: url.Values{}}
	from, err := t.idOf(ctx, "port", f.from)
	if err != nil {
		return r, err
	}
	r.query.Set("from", from)
	if f.to == "" && !f.dhcp {
		return r, fmt.Errorf("--to is the port or the address that the packet is for")
	}
	to := f.to
	if _, notAddress := netip.ParseAddr(to); to != "" && notAddress != nil {
		if to, err = t.idOf(ctx, "port", to); err != nil {
			return r, err
		}
	}
	for _, p := range []struct{ flag, parameter, value string }{
		{"to", "to", to}, {"source", "source", f.source}, {"source-mac", "source_mac", f.sourceMAC},
		{"icmp", "protocol", "icmp"}, {"arp", "protocol", "arp"}, {"dhcp", "protocol", "dhcp"}, {"protocol", "protocol", strconv.Itoa(f.protocol)},
		{"tcp", "protocol", "tcp"}, {"tcp", "port", strconv.Itoa(f.tcp)}, {"udp", "protocol", "udp"}, {"udp", "port", strconv.Itoa(f.udp)},
		{"source-port", "source_port", strconv.Itoa(f.sourcePort)}, {"ttl", "ttl", strconv.Itoa(f.ttl)}, {"size", "size", strconv.Itoa(f.size)},
	} {
		if given(p.flag) {
			r.query.Set(p.parameter, p.value)
		}
	}
	if f.live {
		r.method = http.MethodPost
		r.query.Set("live", "true")
	}
	return r, nil
}

// arrives tells whether the packet comes to somebody, as far as Planck can see.
func arrives(t *admin.Trace) bool {
	if t.Live != nil && t.Outcome == "delivered" {
		return len(t.Live.Arrived) > 0
	}
	return t.Outcome == "delivered" || t.Outcome == "answered" || t.Outcome == "left"
}

func writeTrace(w io.Writer, t *admin.Trace) error {
	b := bufio.NewWriter(w) // keeps the first error
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(b, format+"\n", args...) }
	line("%s", printable(t.Verdict))
	if t.Difference != "" {
		line("But: %s", printable(t.Difference))
	}
	if t.Live != nil {
		line("Live: %s", printable(t.Live.Verdict))
	}
	if t.Packet != "" {
		line("Packet: %s", t.Packet)
	}
	stages := t.Present.Stages
	if t.Present.Outcome == "unknown" {
		line("\nBy the entries that the switches should hold:")
		stages = t.Wanted.Stages
	}
	var tables, rules int
	for i := range stages {
		s := &stages[i]
		tables, rules = max(tables, 2*s.Depth+len(s.Table)), max(rules, len(s.Rule))
	}
	node := ""
	for i := range stages {
		s := &stages[i]
		if s.Node != node && s.Node != "" {
			node = s.Node
			line("\n%s", printable(node))
		}
		if s.Note != "" {
			if i == 0 && node == "" {
				line("")
			}
			line("  -- %s", printable(s.Note))
			if s.Packet != "" {
				line("      %s", s.Packet)
			}
			continue
		}
		rule, whose := s.Rule, strings.Join(s.Owners, ", ")
		if s.Entry == "" {
			rule, whose = "nothing matches", s.Doc
		} else if rule == "" {
			rule = "not Planck's"
		}
		line("  %-*s  %-*s  %s", tables, strings.Repeat("  ", s.Depth)+s.Table, max(rules, len(rule)), rule, cell(whose))
		if s.Entry != "" {
			line("      %s", s.Entry)
		}
	}
	return b.Flush()
}
