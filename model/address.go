package model

import (
	"encoding/binary"
	"math"
	"math/bits"
	"net/netip"
)

// AddressOffset gives how far addr lies above the first address of cidr. It is false for an address outside cidr
// and for one more than 63 bits away, which happens in IPv6 only: such an address can be asked for by name, but is
// never picked.
func AddressOffset(cidr netip.Prefix, addr netip.Addr) (int64, bool) {
	if !cidr.Contains(addr) {
		return 0, false
	}
	baseHi, baseLo := halves(cidr.Masked().Addr())
	hi, lo := halves(addr)
	lo, borrow := bits.Sub64(lo, baseLo, 0)
	hi, _ = bits.Sub64(hi, baseHi, borrow)
	if hi != 0 || lo > math.MaxInt64 {
		return 0, false
	}
	return int64(lo), true
}

// AddressAt is the inverse of AddressOffset. An offset beyond cidr gives the zero Addr.
func AddressAt(cidr netip.Prefix, offset int64) netip.Addr {
	if offset < 0 {
		return netip.Addr{}
	}
	hi, lo := halves(cidr.Masked().Addr())
	lo, carry := bits.Add64(lo, uint64(offset), 0)
	addr := fromHalves(hi+carry, lo, cidr.Addr().Is4())
	if !cidr.Contains(addr) {
		return netip.Addr{}
	}
	return addr
}

// lastAddress is the highest address of cidr: the broadcast address in IPv4.
func lastAddress(cidr netip.Prefix) netip.Addr {
	hi, lo := halves(cidr.Masked().Addr())
	host := cidr.Addr().BitLen() - cidr.Bits()
	if host >= 64 {
		hi |= ones(host - 64)
	}
	return fromHalves(hi, lo|ones(host), cidr.Addr().Is4())
}

// ones has the low n bits set, all of them when n is 64 or more.
func ones(n int) uint64 {
	if n >= 64 {
		return math.MaxUint64
	}
	return 1<<n - 1
}

func halves(a netip.Addr) (hi, lo uint64) {
	if a.Is4() {
		b := a.As4()
		return 0, uint64(binary.BigEndian.Uint32(b[:]))
	}
	b := a.As16()
	return binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
}

func fromHalves(hi, lo uint64, is4 bool) netip.Addr {
	if is4 {
		if hi != 0 || lo > math.MaxUint32 {
			return netip.Addr{}
		}
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(lo))
		return netip.AddrFrom4(b)
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], hi)
	binary.BigEndian.PutUint64(b[8:], lo)
	return netip.AddrFrom16(b)
}
