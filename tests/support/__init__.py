"""What tests share: fakes instead of mocks, and real parts made to order."""
