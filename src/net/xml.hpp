// Documents that a server sent. They are hostile: bounded in size by whoever fetched them; texts
// and counts are bounded by whoever reads them here.
#pragma once

#include "base/bytes.hpp"

#include <memory>
#include <string_view>

namespace pugi {
class xml_document;
struct xml_node_struct;
}  // namespace pugi

namespace holdfast::net {

/// An element, or none. Names are compared without prefixes, which servers choose as they like.
/// Valid while its document lives.
class XmlElement {
public:
  XmlElement() = default;
  explicit XmlElement(pugi::xml_node_struct* node) : node_(node) {}

  explicit operator bool() const { return node_ != nullptr; }
  std::string_view name() const;
  /// The first one in it with that name.
  XmlElement child(std::string_view name) const;
  /// The next one with that name beside it.
  XmlElement next(std::string_view name) const;
  /// The first element in it, and the next one beside it, whatever their names.
  XmlElement first() const;
  XmlElement next() const;
  /// The text directly in it.
  std::string_view text() const;

private:
  pugi::xml_node_struct* node_ = nullptr;
};

/// Entities of a document's own are not resolved, and nothing is fetched.
class XmlDocument {
public:
  explicit XmlDocument(base::ByteView bytes);
  ~XmlDocument();
  XmlDocument(const XmlDocument&) = delete;
  XmlDocument& operator=(const XmlDocument&) = delete;

  /// Whether all of it could be read; if not, it holds what came before the mistake.
  bool is_whole() const { return is_whole_; }
  /// The outermost element if it has that name.
  XmlElement root(std::string_view name) const;

private:
  const std::unique_ptr<pugi::xml_document> document_;
  bool is_whole_ = false;
};

}  // namespace holdfast::net
