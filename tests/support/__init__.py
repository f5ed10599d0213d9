"""What tests share: real servers, trees and ways to wait. Nothing here is used by the product."""
