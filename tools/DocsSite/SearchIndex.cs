using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Rl.Tools.DocsSite;

/// <summary>What the site's search reads: a title, keywords and a text for each page.</summary>
internal static partial class SearchIndex
{
    private static readonly JsonSerializerOptions Compact =
        new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly char[] Marks =
        [.. Enumerable.Range('!', '~' - '!' + 1).Select(code => (char)code).Where(char.IsPunctuation)];

    /// <summary>Gives each page keywords, which weigh more than its text: written pages all their words, since they
    /// would otherwise stand behind ten of the references' two thousand that have a word too; references those words
    /// that stand within others. The search cuts a text at blanks and hyphens only, so that it knows neither the
    /// "Riccati" of "Riccati's" nor the "TD3" of "DDPG/TD3".</summary>
    /// <exception cref="InvalidDataException">The file is not the index that docfx writes.</exception>
    public static void AddKeywords(string path)
    {
        var pages = JsonNode.Parse(File.ReadAllText(path)) as JsonObject
            ?? throw new InvalidDataException($"{path} is not an object of pages.");
        foreach (var (address, page) in pages)
        {
            var text = (string?)page!["summary"]
                ?? throw new InvalidDataException($"{path} has no summary of {address}.");
            var words = Word().Matches(text).Select(match => match.Value);
            if (address.StartsWith("api/", StringComparison.Ordinal)
                || address.StartsWith("core/", StringComparison.Ordinal))
            {
                HashSet<string> known = [.. Blank().Split(text).Select(part => part.Trim(Marks))];
                words = words.Where(word => !known.Contains(word)).Distinct(StringComparer.OrdinalIgnoreCase);
            }

            page["keywords"] = string.Join(' ', words);
        }

        File.WriteAllText(path, pages.ToJsonString(Compact));
    }

    [GeneratedRegex(@"[\p{L}\p{N}_]+")]
    private static partial Regex Word();

    [GeneratedRegex(@"[\s\-.()]+")]
    private static partial Regex Blank();
}
