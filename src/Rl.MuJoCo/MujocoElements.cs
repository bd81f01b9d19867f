using System;
using System.Collections;
using System.Collections.Generic;
using System.Linq;

namespace Rl.MuJoCo;

/// <summary>A named part of a model: a body, a site, a tendon, a keyframe.</summary>
/// <param name="Index">Its place among those of its kind.</param>
/// <param name="Name">Its name in the model's file; empty if it has none.</param>
public record MujocoElement(int Index, string Name);

/// <summary>The ways in which a joint moves.</summary>
public enum MujocoJointKind
{
    /// <summary>Anywhere: 3 positions and a quaternion (w, x, y, z), 6 velocities.</summary>
    Free = 0,

    /// <summary>Turns about a point: a quaternion (w, x, y, z), 3 velocities.</summary>
    Ball = 1,

    /// <summary>Along an axis, in m.</summary>
    Slide = 2,

    /// <summary>About an axis, in rad.</summary>
    Hinge = 3,
}

/// <summary>A joint.</summary>
/// <param name="Index">Its place among the joints.</param>
/// <param name="Name">Its name; empty if it has none.</param>
/// <param name="Kind">How it moves.</param>
/// <param name="PositionIndex">The index of its first number among the positions.</param>
/// <param name="VelocityIndex">The index of its first number among the velocities.</param>
/// <param name="Low">The lower limit of a slide (m) or hinge (rad); −∞ for none.</param>
/// <param name="High">The upper limit; ∞ for none.</param>
/// <param name="Body">The index of the body that it moves.</param>
public sealed record MujocoJoint(
    int Index,
    string Name,
    MujocoJointKind Kind,
    int PositionIndex,
    int VelocityIndex,
    double Low,
    double High,
    int Body) : MujocoElement(Index, Name);

/// <summary>An actuator: what a control drives.</summary>
/// <param name="Index">Its place among the actuators, which is that of its control.</param>
/// <param name="Name">Its name; empty if it has none.</param>
/// <param name="Low">The lower bound of its control; −∞ for none.</param>
/// <param name="High">The upper bound; ∞ for none.</param>
/// <param name="Joint">The index of the joint that it moves; −1 if it moves something else.</param>
public sealed record MujocoActuator(int Index, string Name, double Low, double High, int Joint)
    : MujocoElement(Index, Name);

/// <summary>The shapes of MuJoCo.</summary>
public enum MujocoGeomKind
{
    /// <summary>A plane.</summary>
    Plane = 0,

    /// <summary>A field of heights.</summary>
    HeightField = 1,

    /// <summary>A sphere; its radius.</summary>
    Sphere = 2,

    /// <summary>A capsule; its radius and half its length without the caps.</summary>
    Capsule = 3,

    /// <summary>An ellipsoid; its half axes.</summary>
    Ellipsoid = 4,

    /// <summary>A cylinder; its radius and half its length.</summary>
    Cylinder = 5,

    /// <summary>A box; half its sides.</summary>
    Box = 6,

    /// <summary>A mesh.</summary>
    Mesh = 7,
}

/// <summary>A shape of a body.</summary>
/// <param name="Index">Its place among the shapes.</param>
/// <param name="Name">Its name; empty if it has none.</param>
/// <param name="Kind">What it is.</param>
/// <param name="Body">The index of its body.</param>
/// <param name="Size">Three numbers, m, by the kind.</param>
public sealed record MujocoGeom(int Index, string Name, MujocoGeomKind Kind, int Body, IReadOnlyList<double> Size)
    : MujocoElement(Index, Name);

/// <summary>A sensor.</summary>
/// <param name="Index">Its place among the sensors.</param>
/// <param name="Name">Its name; empty if it has none.</param>
/// <param name="Address">The index of its first number among <see cref="MujocoSimulation.SensorValues"/>.</param>
/// <param name="Dimension">How many numbers it has.</param>
public sealed record MujocoSensor(int Index, string Name, int Address, int Dimension) : MujocoElement(Index, Name);

/// <summary>The elements of one kind of a model, by index and by name.</summary>
/// <typeparam name="T">Their kind.</typeparam>
public sealed class MujocoElements<T> : IReadOnlyList<T>
    where T : MujocoElement
{
    private readonly T[] elements;
    private readonly Dictionary<string, T> byName;
    private readonly string kind;
    private readonly string model;

    internal MujocoElements(string kind, string model, IEnumerable<T> elements)
    {
        this.kind = kind;
        this.model = model;
        this.elements = [.. elements];
        byName = this.elements.Where(element => element.Name.Length > 0).ToDictionary(element => element.Name);
    }

    /// <inheritdoc/>
    public int Count => elements.Length;

    /// <inheritdoc/>
    public T this[int index] => elements[index];

    /// <summary>The element of a name.</summary>
    /// <param name="name">As in the model's file.</param>
    /// <exception cref="ArgumentException">There is none; the message lists those that there are.</exception>
    public T this[string name]
    {
        get
        {
            ArgumentNullException.ThrowIfNull(name);
            return byName.TryGetValue(name, out var element)
                ? element
                : throw new ArgumentException(
                    $"{model} has no {kind} \"{name}\"; it has "
                        + (byName.Count == 0 ? "none with a name." : $"{string.Join(", ", byName.Keys)}."),
                    nameof(name));
        }
    }

    /// <summary>Whether there is an element of a name.</summary>
    /// <param name="name">As in the model's file.</param>
    public bool Contains(string name) => byName.ContainsKey(name);

    /// <inheritdoc/>
    public IEnumerator<T> GetEnumerator() => ((IEnumerable<T>)elements).GetEnumerator();

    /// <inheritdoc/>
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>What to call an element in a message: its name in quotes, or its number where it has none.</summary>
    internal string Called(int index) =>
        elements[index].Name is { Length: > 0 } name ? $"\"{name}\"" : $"{kind} {index}";
}
