using System;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using System.Threading;
using Rl.MuJoCo.Internal;

namespace Rl.MuJoCo;

/// <summary>A robot: a model of MuJoCo, compiled from a file. It does not change, and any number of simulations, on any
/// threads, share it.</summary>
/// <remarks>After <see cref="Dispose"/> no simulation can be made of it; those that there are keep what they
/// need.</remarks>
public sealed unsafe partial class MujocoModel : IDisposable
{
    /// <summary>MuJoCo keeps the text of the model that it read last, for all threads.</summary>
    private static readonly Lock Loading = new();

    private readonly double[] initialPositions;
    private readonly double[] masses;

    private MujocoModel(Native native, nint model, string name)
    {
        Native = native;
        Handle = new(native, model);
        Name = name;
        var layout = native.Layout;
        int Count(string field) => native.Count(model, field);
        int[] Integers(string field, int count) =>
            new ReadOnlySpan<int>(*(int**)(model + layout["model." + field]), count).ToArray();
        byte[] Flags(string field, int count) =>
            new ReadOnlySpan<byte>(*(byte**)(model + layout["model." + field]), count).ToArray();
        double[] Doubles(string field, int count) =>
            new ReadOnlySpan<double>(*(double**)(model + layout["model." + field]), count).ToArray();
        MujocoElements<T> Elements<T>(string kind, string field, Func<int, string, T> make)
            where T : MujocoElement =>
            new(kind, name, Enumerable.Range(0, Count(field)).Select(i => make(i, native.NameOf(model, kind, i))));

        PositionCount = Count("nq");
        VelocityCount = Count("nv");
        ControlCount = Count("nu");
        ActivationCount = Count("na");
        SensorValueCount = Count("nsensordata");
        Timestep = *(double*)(model + layout["model.opt.timestep"]);
        TotalMass = native.TotalMass(model);
        initialPositions = Doubles("qpos0", PositionCount);
        Bodies = Elements("body", "nbody", (index, called) => new MujocoElement(index, called));
        Sites = Elements("site", "nsite", (index, called) => new MujocoElement(index, called));
        Tendons = Elements("tendon", "ntendon", (index, called) => new MujocoElement(index, called));
        Keyframes = Elements("keyframe", "nkey", (index, called) => new MujocoElement(index, called));
        masses = Doubles("body_mass", Bodies.Count);

        var joints = Count("njnt");
        var (kinds, positions, velocities) =
            (Integers("jnt_type", joints), Integers("jnt_qposadr", joints), Integers("jnt_dofadr", joints));
        var (jointBodies, limited, limits) =
            (Integers("jnt_bodyid", joints), Flags("jnt_limited", joints), Doubles("jnt_range", 2 * joints));
        Joints = Elements("joint", "njnt", (i, called) => new MujocoJoint(
            i,
            called,
            (MujocoJointKind)kinds[i],
            positions[i],
            velocities[i],
            limited[i] != 0 ? limits[2 * i] : double.NegativeInfinity,
            limited[i] != 0 ? limits[(2 * i) + 1] : double.PositiveInfinity,
            jointBodies[i]));
        JointOfVelocity = Integers("dof_jntid", VelocityCount);

        var (targets, transmissions) =
            (Integers("actuator_trnid", 2 * ControlCount), Integers("actuator_trntype", ControlCount));
        var (bounded, bounds) =
            (Flags("actuator_ctrllimited", ControlCount), Doubles("actuator_ctrlrange", 2 * ControlCount));
        Actuators = Elements("actuator", "nu", (i, called) => new MujocoActuator(
            i,
            called,
            bounded[i] != 0 ? bounds[2 * i] : double.NegativeInfinity,
            bounded[i] != 0 ? bounds[(2 * i) + 1] : double.PositiveInfinity,
            transmissions[i] == 0 ? targets[2 * i] : -1));

        var geoms = Count("ngeom");
        var (shapes, geomBodies, sizes) =
            (Integers("geom_type", geoms), Integers("geom_bodyid", geoms), Doubles("geom_size", 3 * geoms));
        Geoms = Elements("geom", "ngeom", (i, called) => new MujocoGeom(
            i, called, (MujocoGeomKind)shapes[i], geomBodies[i], Array.AsReadOnly(sizes[(3 * i)..((3 * i) + 3)])));

        var sensors = Count("nsensor");
        var (addresses, dimensions) = (Integers("sensor_adr", sensors), Integers("sensor_dim", sensors));
        Sensors = Elements("sensor", "nsensor", (i, called) => new MujocoSensor(
            i, called, addresses[i], dimensions[i]));
    }

    /// <summary>The name of the file without its extension; of a text, the name that its first element has.</summary>
    public string Name { get; }

    /// <summary>How many numbers positions have: one for a slide or hinge, 4 for a ball, 7 for a free joint.</summary>
    public int PositionCount { get; }

    /// <summary>How many numbers velocities have, the degrees of freedom: one for a slide or hinge, 3 for a ball, 6 for
    /// a free joint.</summary>
    public int VelocityCount { get; }

    /// <summary>How many controls there are, one an actuator.</summary>
    public int ControlCount { get; }

    /// <summary>How many numbers actuators with a state of their own have.</summary>
    public int ActivationCount { get; }

    /// <summary>How many numbers all sensors have.</summary>
    public int SensorValueCount { get; }

    /// <summary>The time of a step of the simulation, s.</summary>
    public double Timestep { get; }

    /// <summary>The mass of all bodies, kg.</summary>
    public double TotalMass { get; }

    /// <summary>The masses of the bodies, kg.</summary>
    public ReadOnlySpan<double> Masses => masses;

    /// <summary>The positions of the initial state, m and rad.</summary>
    public ReadOnlySpan<double> InitialPositions => initialPositions;

    /// <summary>The bodies; the first is the world.</summary>
    public MujocoElements<MujocoElement> Bodies { get; }

    /// <summary>The joints.</summary>
    public MujocoElements<MujocoJoint> Joints { get; }

    /// <summary>The actuators.</summary>
    public MujocoElements<MujocoActuator> Actuators { get; }

    /// <summary>The shapes.</summary>
    public MujocoElements<MujocoGeom> Geoms { get; }

    /// <summary>The sites: named places on bodies.</summary>
    public MujocoElements<MujocoElement> Sites { get; }

    /// <summary>The sensors.</summary>
    public MujocoElements<MujocoSensor> Sensors { get; }

    /// <summary>The tendons.</summary>
    public MujocoElements<MujocoElement> Tendons { get; }

    /// <summary>The keyframes: states that are written in the file.</summary>
    public MujocoElements<MujocoElement> Keyframes { get; }

    internal Native Native { get; }

    internal ModelHandle Handle { get; }

    internal bool IsDisposed { get; private set; }

    /// <summary>The joint of each degree of freedom.</summary>
    internal int[] JointOfVelocity { get; }

    /// <summary>Compiles the model of a file.</summary>
    /// <param name="path">MJCF or URDF (<c>.xml</c>, <c>.urdf</c>). What it includes is looked for beside it.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="MujocoException">MuJoCo refuses it; the message has its words, and the line if it names
    /// one.</exception>
    /// <exception cref="MujocoUnavailableException">There is no MuJoCo, or of a version that is not known.</exception>
    public static MujocoModel Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return Load(path, Path.GetFileNameWithoutExtension(path), LibrarySearch.Library);
    }

    /// <summary>Compiles the model of a text, which refers to no other files.</summary>
    /// <param name="xml">MJCF or URDF.</param>
    /// <exception cref="MujocoException">MuJoCo refuses it; the message has its words, and the line if it names
    /// one.</exception>
    /// <exception cref="MujocoUnavailableException">There is no MuJoCo, or of a version that is not known.</exception>
    public static MujocoModel FromXml(string xml)
    {
        ArgumentNullException.ThrowIfNull(xml);
        return FromXml(xml, LibrarySearch.Library);
    }

    /// <summary>Frees the model, once no simulation uses it.</summary>
    public void Dispose()
    {
        IsDisposed = true;
        Handle.Dispose();
    }

    /// <summary>For example <c>ant: 14 bodies, 9 joints, 8 actuators, 0.9 kg</c>.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Name}: {Bodies.Count} bodies, {Joints.Count} joints, {Actuators.Count} actuators, {TotalMass:0.###} kg");

    internal static MujocoModel FromXml(string xml, Native native)
    {
        // MuJoCo reads files; a table of files in memory has a layout that changes with its versions.
        var path = Path.Combine(Path.GetTempPath(), $"model-{Guid.NewGuid():N}.xml");
        try
        {
            File.WriteAllText(path, xml);
            var named = Named().Match(xml);
            return Load(path, named.Success ? named.Groups[1].Value : "the model", native);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static MujocoModel Load(string path, string name, Native native)
    {
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"There is no model at {Path.GetFullPath(path)}.", path);
        }

        nint model;
        string error;
        lock (Loading)
        {
            model = native.LoadModel(path, out error);
        }

        if (model == 0)
        {
            var told = string.Join(", ", error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
            var line = LineOf(told);
            throw new MujocoException(
                line is null ? $"{path}: {told}" : $"{path}, line {line}: {told}", path, line);
        }

        return new(native, model, name);
    }

    /// <summary>The line that an error names. MuJoCo names none by 0, and errors of the compiler say 1 or −1 where they
    /// know none.</summary>
    private static int? LineOf(string error)
    {
        var match = Line().Match(error);
        return match.Success && int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) is > 0 and var line
            ? line
            : null;
    }

    [GeneratedRegex("""<mujoco\b[^>]*\bmodel\s*=\s*["']([^"']+)["']""", RegexOptions.CultureInvariant)]
    private static partial Regex Named();

    [GeneratedRegex(@"\bline(?: number)?\s*=?\s*(\d+)", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Line();
}
