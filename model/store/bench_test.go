package store

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/tests/postgres"
)

// openDurable opens an empty database of a PostgreSQL with its durable defaults.
func openDurable(b *testing.B) *Store {
	server, err := postgres.Start()
	check(b, err)
	b.Cleanup(func() { check(b, server.Stop()) })
	return open(b, must(server.NewDatabase(context.Background()))(b), Options{Quotas: map[string]int{"port": Unlimited}})
}

// BenchmarkCreatePort is what POST /ports costs in the store, on PostgreSQL with its durable defaults, beside 0 and
// 10,000 other ports on the same subnet.
func BenchmarkCreatePort(b *testing.B) {
	s := openDurable(b)
	for _, others := range []int{0, 10_000} {
		n := newNetwork(b, s)
		newSubnet(b, s, n, "10.0.0.0/8")
		for range others / 1000 {
			requests := make([]PortRequest, 1000)
			for i := range requests {
				requests[i].Port = portRequest(n)
			}
			check(b, s.CreatePorts(admin, requests))
		}
		for _, writers := range []int{1, 8} {
			b.Run(fmt.Sprintf("others=%d/writers=%d", others, writers), func(b *testing.B) {
				var group sync.WaitGroup
				work := make(chan struct{}, b.N)
				for range b.N {
					work <- struct{}{}
				}
				close(work)
				b.ResetTimer()
				for range writers {
					group.Go(func() {
						for range work {
							if err := createPort(admin, s, portRequest(n)); err != nil {
								b.Error(err)
							}
						}
					})
				}
				group.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ports/s")
			})
		}
		b.Run(fmt.Sprintf("others=%d/get", others), func(b *testing.B) {
			p := newPort(b, s, n)
			for b.Loop() {
				must(s.Port(admin, p.ID))(b)
			}
		})
		b.Run(fmt.Sprintf("others=%d/list1000", others), func(b *testing.B) {
			for b.Loop() {
				must(s.ListPorts(admin, Query{Filters: map[string][]string{"network_id": {n.ID}}, Limit: 1000}))(b)
			}
		})
	}
}

// BenchmarkReportInterface is one more interface on a node that has 100.
func BenchmarkReportInterface(b *testing.B) {
	s := openDurable(b)
	report := model.Node{SystemID: "a", Hostname: "a"}
	for i := range 100 {
		report.Interfaces = append(report.Interfaces, model.Interface{Name: fmt.Sprint("tap", i), PortID: fmt.Sprint("p", i), Ofport: uint32(i + 1)})
	}
	for i := 0; b.Loop(); i++ {
		report.Interfaces[50].PortID = fmt.Sprint("port", i)
		check(b, reportNode(s, report))
	}
}

// BenchmarkCreatePorts is a request for 1,000 ports.
func BenchmarkCreatePorts(b *testing.B) {
	s := openDurable(b)
	n := newNetwork(b, s)
	newSubnet(b, s, n, "10.0.0.0/8")
	for b.Loop() {
		requests := make([]PortRequest, 1000)
		for i := range requests {
			requests[i].Port = portRequest(n)
		}
		check(b, s.CreatePorts(admin, requests))
	}
}
