using System;
using System.Runtime.InteropServices;
using System.Text;

namespace Rl.MuJoCo.Internal;

/// <summary>One loaded libmujoco of a version that is known: its functions and its layout.</summary>
internal sealed unsafe class Native
{
    private const int ErrorSize = 2048;

    private readonly nint loadXml;
    private readonly nint deleteModel;
    private readonly nint makeData;
    private readonly nint deleteData;
    private readonly nint copyData;
    private readonly nint resetData;
    private readonly nint resetToKeyframe;
    private readonly nint step;
    private readonly nint forward;
    private readonly nint bodyForces;
    private readonly nint contactForce;
    private readonly delegate* unmanaged[Cdecl]<nint, int, int, byte*> nameOf;
    private readonly delegate* unmanaged[Cdecl]<nint, double> totalMass;

    private Native(nint library, string path, int version, Layout layout)
    {
        Path = path;
        Version = version;
        Layout = layout;
        nint Find(string name) => NativeLibrary.GetExport(library, name);
        loadXml = Find("mj_loadXML");
        deleteModel = Find("mj_deleteModel");
        makeData = Find("mj_makeData");
        deleteData = Find("mj_deleteData");
        copyData = Find("mj_copyData");
        resetData = Find("mj_resetData");
        resetToKeyframe = Find("mj_resetDataKeyframe");
        step = Find("mj_step");
        forward = Find("mj_forward");
        bodyForces = Find("mj_rnePostConstraint");
        contactForce = Find("mj_contactForce");
        nameOf = (delegate* unmanaged[Cdecl]<nint, int, int, byte*>)Find("mj_id2name");
        totalMass = (delegate* unmanaged[Cdecl]<nint, double>)Find("mj_getTotalmass");
        *(nint*)Find("mju_user_error") = ErrorGuard.ErrorFunction;
        *(nint*)Find("mju_user_warning") = ErrorGuard.WarningFunction;
    }

    public string Path { get; }

    /// <summary>As MuJoCo numbers it: 222 for 2.2.2.</summary>
    public int Version { get; }

    public Layout Layout { get; }

    /// <summary>The functions of a library.</summary>
    /// <exception cref="MujocoUnavailableException">It is no MuJoCo, or of a version that is not known.</exception>
    public static Native Of(nint library, string path)
    {
        if (!NativeLibrary.TryGetExport(library, "mj_version", out var function))
        {
            throw new MujocoUnavailableException(
                $"{path} is no MuJoCo: it has no function mj_version. {LibrarySearch.Advice}");
        }

        var version = ((delegate* unmanaged[Cdecl]<int>)function)();
        if (Layout.Find(version) is not { } layout)
        {
            var known = Layout.Versions;
            throw new MujocoUnavailableException(
                $"{path} is MuJoCo {Layout.Name(version)} (mj_version() is {version}), whose structures this package "
                    + $"does not know. It knows {known.Count} versions from {Layout.Name(known[0])} to "
                    + $"{Layout.Name(known[^1])}. {LibrarySearch.Advice}");
        }

        try
        {
            return new(library, path, version, layout);
        }
        catch (EntryPointNotFoundException error)
        {
            throw new MujocoUnavailableException($"{path} is no whole MuJoCo: {error.Message}", error);
        }
    }

    /// <summary>Compiles a model from a file; 0 with the error's text if it is refused.</summary>
    public nint LoadModel(string path, out string error)
    {
        var name = Encoding.UTF8.GetBytes(path + '\0');
        var text = new byte[ErrorSize];
        fixed (byte* pointer = name, told = text)
        {
            var model = ErrorGuard.Call(loadXml, (nint)pointer, 0, (nint)told, ErrorSize);
            error = Marshal.PtrToStringUTF8((nint)told) ?? string.Empty;
            return model;
        }
    }

    public void DeleteModel(nint model) => ErrorGuard.Call(deleteModel, model);

    public nint MakeData(nint model) => ErrorGuard.Call(makeData, model);

    public void DeleteData(nint data) => ErrorGuard.Call(deleteData, data);

    public void CopyData(nint to, nint model, nint from) => ErrorGuard.Call(copyData, to, model, from);

    public void ResetData(nint model, nint data) => ErrorGuard.Call(resetData, model, data);

    public void ResetToKeyframe(nint model, nint data, int key) => ErrorGuard.Call(resetToKeyframe, model, data, key);

    public void Step(nint model, nint data) => ErrorGuard.Call(step, model, data);

    public void Forward(nint model, nint data) => ErrorGuard.Call(forward, model, data);

    public void BodyForces(nint model, nint data) => ErrorGuard.Call(bodyForces, model, data);

    /// <summary>The force and torque of a contact in its own frame: along the normal, the tangents, then about
    /// them.</summary>
    public void ContactForce(nint model, nint data, int contact, Span<double> six)
    {
        fixed (double* result = six)
        {
            ErrorGuard.Call(contactForce, model, data, contact, (nint)result);
        }
    }

    public double TotalMass(nint model) => totalMass(model);

    /// <summary>The name of an element; empty if it has none.</summary>
    public string NameOf(nint model, string kind, int index) =>
        Marshal.PtrToStringUTF8((nint)nameOf(model, Layout["object." + kind], index)) ?? string.Empty;

    /// <summary>A count of a model.</summary>
    public int Count(nint model, string name)
    {
        var place = (byte*)model + Layout["model." + name];
        return Layout["model.countBytes"] == 8 ? checked((int)*(long*)place) : *(int*)place;
    }
}
