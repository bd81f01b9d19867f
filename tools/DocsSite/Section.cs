using System.Collections.Generic;

namespace Rl.Tools.DocsSite;

/// <summary>A part of the site: pages that share a folder and a table of contents.</summary>
/// <param name="Folder">The folder in the site.</param>
/// <param name="Name">Its name in the bar at the top.</param>
/// <param name="Pages">Its pages in their order, as paths in the repository.</param>
internal sealed record Section(string Folder, string Name, IReadOnlyList<string> Pages);
