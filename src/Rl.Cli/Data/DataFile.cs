using System.IO;
using System.Text.Json;

namespace Rl.Cli.Data;

/// <summary>The JSON files that the program carries in itself.</summary>
internal static class DataFile
{
    public static JsonDocument Open(string name)
    {
        using var stream = typeof(DataFile).Assembly.GetManifestResourceStream($"Rl.Cli.Data.{name}")
            ?? throw new InvalidDataException($"The program lacks its file {name}; install it again.");
        return JsonDocument.Parse(
            stream, new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
    }
}
