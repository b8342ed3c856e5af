// The last script: reads the data and builds the page.

{
  const { title, sections } = JSON.parse(document.getElementById("data").textContent);
  const links = sections.map((section, i) => element("li", {}, element("a", { href: `#part-${i}` }, section.title)));
  const contents = sections.length > 1 ? [element("nav", { "aria-label": "Parts of this page" }, element("ul", {}, ...links))] : [];
  const page = document.getElementById("page");
  page.replaceChildren(element("header", {}, element("h1", {}, title), themeButton()), ...contents);
  sections.forEach((section, i) => page.append(showSection(section, i)));
  page.dataset.ready = "yes";
}
