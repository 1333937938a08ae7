#include "net/xml.hpp"

#include <pugixml.hpp>

namespace holdfast::net {

namespace {

std::string_view local_name(const pugi::xml_node& node) {
  const std::string_view name = node.name();
  const auto colon = name.find(':');
  return colon == name.npos ? name : name.substr(colon + 1);
}

XmlElement first_from(pugi::xml_node node, std::string_view name) {
  while (node && local_name(node) != name)
    node = node.next_sibling();
  return XmlElement(node.internal_object());
}

XmlElement element_from(pugi::xml_node node) {
  while (node && node.type() != pugi::node_element)
    node = node.next_sibling();
  return XmlElement(node.internal_object());
}

}  // namespace

std::string_view XmlElement::name() const { return local_name(pugi::xml_node(node_)); }

XmlElement XmlElement::child(std::string_view name) const {
  return first_from(pugi::xml_node(node_).first_child(), name);
}

XmlElement XmlElement::next(std::string_view name) const {
  return first_from(pugi::xml_node(node_).next_sibling(), name);
}

XmlElement XmlElement::first() const { return element_from(pugi::xml_node(node_).first_child()); }

XmlElement XmlElement::next() const { return element_from(pugi::xml_node(node_).next_sibling()); }

std::string_view XmlElement::text() const { return pugi::xml_node(node_).child_value(); }

XmlDocument::XmlDocument(base::ByteView bytes) : document_(std::make_unique<pugi::xml_document>()) {
  // It neither recurses nor resolves entities of a document's own.
  is_whole_ = static_cast<bool>(document_->load_buffer(bytes.data(), bytes.size()));
}

XmlDocument::~XmlDocument() = default;

XmlElement XmlDocument::root(std::string_view name) const {
  const XmlElement root(document_->document_element().internal_object());
  return root && root.name() == name ? root : XmlElement();
}

}  // namespace holdfast::net
