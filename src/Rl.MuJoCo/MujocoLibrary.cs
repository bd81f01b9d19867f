using System.Collections.Generic;
using System.Linq;
using Rl.MuJoCo.Internal;

namespace Rl.MuJoCo;

/// <summary>The MuJoCo that is installed, which this package uses and does not bring.</summary>
/// <remarks>Looked for once, when something first asks: in the file or folder that the environment variable
/// <see cref="Variable"/> names, else beside the program, else wherever the system looks for libraries, by the names
/// <c>libmujoco.so</c>, <c>libmujoco.so.3.12.0</c>, …, <c>libmujoco.so.2.2.2</c>.</remarks>
public static class MujocoLibrary
{
    /// <summary>The environment variable that names the library's file, or the folder that it is in.</summary>
    public const string Variable = "RL_MUJOCO";

    /// <summary>Whether there is one that can be used.</summary>
    public static bool IsAvailable => LibrarySearch.Problem is null;

    /// <summary>Why there is none, and what to do; null if there is one.</summary>
    public static string? Problem => LibrarySearch.Problem;

    /// <summary>Its version, such as <c>2.2.2</c>.</summary>
    /// <exception cref="MujocoUnavailableException">There is none that can be used.</exception>
    public static string Version => Layout.Name(LibrarySearch.Library.Version);

    /// <summary>The name or path by which it was found.</summary>
    /// <exception cref="MujocoUnavailableException">There is none that can be used.</exception>
    public static string Path => LibrarySearch.Library.Path;

    /// <summary>Whether MuJoCo's fatal errors become a <see cref="MujocoException"/> here (Linux on x86-64); elsewhere
    /// they end the process with their message.</summary>
    public static bool CatchesFatalErrors => ErrorGuard.IsActive;

    /// <summary>The versions that can be used, the oldest first. Others are refused: where their fields lie is not
    /// known.</summary>
    public static IReadOnlyList<string> KnownVersions { get; } = [.. Layout.Versions.Select(Layout.Name)];
}
