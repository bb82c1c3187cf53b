package model

// Validate checks everything that can be known without the database.
func (f *FloatingIP) Validate() error {
	return firstError(
		validateText("description", f.Description, MaxDescriptionLength),
		validateTags(f.Tags),
		validateDNSName("dns_name", f.DNSName),
		validateDNSDomain("dns_domain", f.DNSDomain),
		refuseIPv6("floating_ip_address", f.Address),
		refuseIPv6("fixed_ip_address", f.FixedIP),
	)
}
